"""Models from model packages: a container that names a package becomes the package's own."""

from __future__ import annotations

from bakehouse.faults import InvalidInput
from bakehouse.registry import ModelPackages
from bakehouse.registry.packages import Package
from bakehouse.services.sagemaker.model_packages import find_package
from bakehouse.wire.types import AwsError, Params

_TAKEN = ("Image", "ModelDataUrl", "ModelDataSource", "AdditionalModelDataSources")
"""What a package says of its container that a model's container says in the same words."""
_CONSUMED = ("Environment", "InferenceSpecificationName")
"""What the request says of the package's container and is not kept as it was said."""


def with_packages(packages: ModelPackages, params: Params) -> Params:
    """CreateModel's parameters with the containers of the packages that they name.

    The package's name stays in the container, to be shown again.

    Raises:
        NotFound: there is no such package.
        AwsError: it is a version that is not approved.
        InvalidInput: the package has no container, or more than one.
    """
    resolved = dict(params)
    if "PrimaryContainer" in params:
        resolved["PrimaryContainer"] = _resolved(packages, params["PrimaryContainer"])
    if "Containers" in params:
        resolved["Containers"] = [_resolved(packages, one) for one in params["Containers"]]
    return resolved


def _resolved(packages: ModelPackages, container: Params) -> Params:
    if "ModelPackageName" not in container:
        return container
    package = find_package(packages, container["ModelPackageName"])
    arn = packages.package_arn(package.name, package.version)
    status = package.given.get("ModelApprovalStatus")
    if package.version is not None and status != "Approved":  # the sentence is ours
        text = f"ModelPackage {arn} is not approved: its ModelApprovalStatus is {status}."
        raise AwsError("ValidationException", text)
    packed = _container(package, container.get("InferenceSpecificationName"))
    environment = {**packed.get("Environment", {}), **container.get("Environment", {})}
    own = {member: value for member, value in container.items() if member not in _CONSUMED}
    return {
        **{member: packed[member] for member in _TAKEN if member in packed},
        **({"Environment": environment} if environment else {}),
        **own,
        "ModelPackageName": arn,
    }


def _container(package: Package, specification: str | None) -> Params:
    """The only container of a package, or of one of its additional specifications."""
    chosen = package.given.get("InferenceSpecification")
    if specification is not None:
        more = package.given.get("AdditionalInferenceSpecifications", [])
        chosen = next((one for one in more if one["Name"] == specification), None)
        if chosen is None:
            allowed = f"one of {[one['Name'] for one in more]}"
            raise InvalidInput("InferenceSpecificationName", specification, allowed)
    containers = chosen["Containers"] if chosen else []
    if len(containers) != 1:
        allowed = "a package with one container; inference pipelines are not built"
        raise InvalidInput("ModelPackageName", f"{len(containers)} containers", allowed)
    found: Params = containers[0]
    return found
