"""Amazon SageMaker: training jobs, models, endpoint configurations and endpoints."""

from __future__ import annotations

from bakehouse.faults import AlreadyExists, LimitExceeded, NotFound, Rejected
from bakehouse.hosting import Hosting
from bakehouse.services.sagemaker.endpoints import operations as endpoint_operations
from bakehouse.services.sagemaker.training import operations as training_operations
from bakehouse.training import TrainingJobs
from bakehouse.wire.types import AwsError, Service


def service(training: TrainingJobs, endpoints: Hosting) -> Service:
    """The door of SageMaker over the training jobs and the endpoints."""
    operations = {**training_operations(training), **endpoint_operations(endpoints)}
    return Service(
        name="sagemaker",
        signing_name="sagemaker",
        operations=operations,
        aws_error=aws_error,
        target_prefix="SageMaker",
    )


def aws_error(fault: Rejected) -> AwsError:
    """A rejection in SageMaker's words: nearly always a ValidationException."""
    match fault:
        case NotFound(kind="training job"):
            return AwsError("ValidationException", "Requested resource not found.")
        case AlreadyExists(kind="training job"):
            text = (
                "Training job names must be unique within an AWS account and Region. A training "
                f"job named {fault.name} already exists."
            )
            return AwsError("ResourceInUse", text)
        case LimitExceeded():
            return AwsError("ResourceLimitExceeded", fault.message)
    return AwsError("ValidationException", fault.message)
