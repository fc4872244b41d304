"""Training: a job from request to artifact, in a child process under SageMaker's contract.

:class:`~bakehouse.training.jobs.TrainingJobs` is the part with a life; the other modules are the
job as a record, its input, its folders, its process, its measures and its artifact.
"""

from bakehouse.training.job import Channel, Job, Order
from bakehouse.training.jobs import TrainingJobs

__all__ = ["Channel", "Job", "Order", "TrainingJobs"]
