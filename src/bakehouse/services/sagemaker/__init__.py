"""Amazon SageMaker: training, tuning, endpoints, batch transform, registry, tags and Search."""

from __future__ import annotations

from collections.abc import Mapping

from bakehouse.faults import AlreadyExists, Conflict, LimitExceeded, NotFound, Rejected
from bakehouse.hosting import Hosting
from bakehouse.registry import ModelPackages, Tags
from bakehouse.services.sagemaker import search
from bakehouse.services.sagemaker import tags as tagging
from bakehouse.services.sagemaker.endpoints import operations as endpoint_operations
from bakehouse.services.sagemaker.model_packages import find_group, find_package
from bakehouse.services.sagemaker.model_packages import operations as package_operations
from bakehouse.services.sagemaker.packaged import with_packages
from bakehouse.services.sagemaker.training import operations as training_operations
from bakehouse.services.sagemaker.transform import operations as transform_operations
from bakehouse.services.sagemaker.trials import Trials
from bakehouse.services.sagemaker.tuning import operations as tuning_operations
from bakehouse.services.sagemaker.waiting import Waiting
from bakehouse.training import TrainingJobs
from bakehouse.transform import TransformJobs
from bakehouse.tuning import TuningJobs
from bakehouse.wire.types import Answer, AwsError, Call, Operation, Params, Service

__all__ = ["Trials", "aws_error", "service"]


def service(
    training: TrainingJobs,
    endpoints: Hosting,
    packages: ModelPackages,
    tags: Tags,
    transform: TransformJobs,
    tuning: TuningJobs,
    *,
    shape_of: search.ShapeOf,
    long_poll_s: float = 0,
) -> Service:
    """The door of SageMaker over the training jobs, the endpoints and the registry.

    Args:
        training: the training jobs.
        endpoints: models, endpoint configurations and endpoints.
        packages: model packages and their groups.
        tags: the tags of all of these.
        transform: the transform jobs.
        tuning: the tuning jobs.
        shape_of: botocore's shapes, by which Search knows the properties of what it finds.
        long_poll_s: how long a client that waits is held; 0 has everybody answered at once.
    """
    waiting = Waiting(long_poll_s)
    operations = {
        **training_operations(training, waiting, tags),
        **endpoint_operations(endpoints, waiting, tags),
        **transform_operations(transform, endpoints, waiting, tags),
        **tuning_operations(tuning, training, waiting, tags),
        **package_operations(packages, tags),
        **tagging.operations(tags, _finders(training, endpoints, packages, transform, tuning)),
        **search.operations(
            search.readers(training, endpoints, packages, tags, shape_of), shape_of
        ),
    }
    operations["CreateModel"] = _from_package(operations["CreateModel"], packages)
    return Service(
        name="sagemaker",
        signing_name="sagemaker",
        operations=operations,
        aws_error=aws_error,
        target_prefix="SageMaker",
    )


def _from_package(create_model: Operation, packages: ModelPackages) -> Operation:
    """CreateModel, where a container may be that of a model package."""

    async def create(call: Call, params: Params) -> Params | Answer:
        return await create_model(call, with_packages(packages, params))

    return create


def _finders(
    training: TrainingJobs,
    endpoints: Hosting,
    packages: ModelPackages,
    transform: TransformJobs,
    tuning: TuningJobs,
) -> Mapping[str, tagging.Finder]:
    """How to find what an ARN names, by the kind of thing that stands in it."""

    def package_arn(name: str) -> str:
        package = find_package(packages, name)
        return packages.package_arn(package.name, package.version)

    return {
        "training-job": lambda name: training.arn(training.describe(name).name),
        "hyper-parameter-tuning-job": lambda name: tuning.arn(tuning.describe(name).name),
        "transform-job": lambda name: transform.arn(transform.describe(name).name),
        "model": lambda name: endpoints.arn("model", endpoints.models.find(name).name),
        "endpoint-config": lambda name: endpoints.arn(
            "endpoint-config", endpoints.configs.find(name).name
        ),
        "endpoint": lambda name: endpoints.arn("endpoint", endpoints.endpoints.find(name).name),
        "model-package": package_arn,
        "model-package-group": lambda name: packages.group_arn(find_group(packages, name).name),
    }


def aws_error(fault: Rejected) -> AwsError:
    """A rejection in SageMaker's words: nearly always a ValidationException."""
    match fault:
        case NotFound(kind="training job"):
            return AwsError("ValidationException", "Requested resource not found.")
        case NotFound(kind="transform job" | "tuning job"):
            return AwsError("ResourceNotFound", "Requested resource not found.")
        case AlreadyExists(kind="transform job" | "tuning job"):
            text = (
                "Job name must be unique within an AWS account and region, and a job with this"
                f" name already exists ({fault.name})"
            )
            return AwsError("ResourceInUse", text)
        case AlreadyExists(kind="training job"):
            text = (
                "Training job names must be unique within an AWS account and Region. A training "
                f"job named {fault.name} already exists."
            )
            return AwsError("ResourceInUse", text)
        case NotFound(kind="model package", name=arn):
            return AwsError("ValidationException", f"ModelPackage {arn} does not exist.")
        case NotFound(kind="model package group", name=arn):
            return AwsError("ValidationException", f"ModelPackageGroup {arn} does not exist.")
        case AlreadyExists(kind="model package", name=arn):
            return AwsError("ValidationException", f"Model Package already exists: {arn}")
        case AlreadyExists(kind="model package group", name=arn):
            return AwsError("ValidationException", f"Model Package Group already exists: {arn}")
        case Conflict(kind="model package group", name=arn):
            text = (
                f"Model Package Group cannot be deleted because it contains Model Packages: {arn}"
            )
            return AwsError("ConflictException", text)
        case LimitExceeded():
            return AwsError("ResourceLimitExceeded", fault.message)
    return AwsError("ValidationException", fault.message)
