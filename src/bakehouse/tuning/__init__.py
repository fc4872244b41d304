"""Hyperparameter tuning: many training jobs, each with values that the earlier ones suggest.

:class:`~bakehouse.tuning.jobs.TuningJobs` is the part with a life; the other modules are the job
and its trials as records, the ranges of values, the searches, and the rules that end a trial early.
"""

from bakehouse.tuning.job import Definition, Order, Trial, TuningJob
from bakehouse.tuning.jobs import TuningJobs
from bakehouse.tuning.trainer import Seen, Trainer

__all__ = ["Definition", "Order", "Seen", "Trainer", "Trial", "TuningJob", "TuningJobs"]
