"""Batch transform: a model's answers to all objects of an input, as objects of an output.

:class:`~bakehouse.transform.jobs.TransformJobs` is the part with a life; the other modules are the
job as a record, an object's way through the model, and the work of one job.
"""

from bakehouse.transform.job import Order, TransformJob
from bakehouse.transform.jobs import TransformJobs

__all__ = ["Order", "TransformJob", "TransformJobs"]
