"""State machines and their executions: durable histories, timers, tasks, and recovery."""

from bakehouse.workflows.workflows import Workflows

__all__ = ["Workflows"]
