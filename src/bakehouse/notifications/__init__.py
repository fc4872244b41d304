"""What happens is told: changes of objects and events of programs reach functions and machines.

A message is stored by the very commit that it tells of, and stays until it was delivered or given
up, so it is delivered at least once, whatever ends in between.
"""

from bakehouse.notifications.notifications import Notifications

__all__ = ["Notifications"]
