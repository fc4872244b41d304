"""Hosting: models behind endpoints, their variants, and the record of what they were asked.

:class:`Hosting` is the part with a life; the rest are the records that it keeps and plain functions
over them.
"""

from bakehouse.hosting.hosting import Hosting

__all__ = ["Hosting"]
