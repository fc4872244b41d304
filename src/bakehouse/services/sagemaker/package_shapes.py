"""SageMaker's shapes of model packages and their groups: in and out.

What a client says of a package (its containers, metrics, metadata) is kept as it came and shown
again. What would need work that is not built, such as validation jobs, is refused with a sentence.
"""

from __future__ import annotations

from typing import Any

from bakehouse import clock
from bakehouse.faults import InvalidInput
from bakehouse.registry.packages import Group, Package
from bakehouse.wire.types import AwsError, Call, Params

_GROUP_KEPT = ("ModelPackageGroupDescription",)
_KEPT = (
    "ModelPackageDescription",
    "ModelPackageRegistrationType",
    "InferenceSpecification",
    "CertifyForMarketplace",
    "ModelApprovalStatus",
    "MetadataProperties",
    "ModelMetrics",
    "Domain",
    "Task",
    "SamplePayloadUrl",
    "CustomerMetadataProperties",
    "DriftCheckBaselines",
    "AdditionalInferenceSpecifications",
    "SkipModelValidation",
    "SourceUri",
    "SecurityConfig",
    "ModelCard",
    "ModelLifeCycle",
)
"""What DescribeModelPackage says as CreateModelPackage was told."""
_CHANGED = (
    "ModelApprovalStatus",
    "ModelPackageRegistrationType",
    "ApprovalDescription",
    "InferenceSpecification",
    "SourceUri",
    "ModelCard",
    "ModelLifeCycle",
)
"""What UpdateModelPackage replaces."""
_NOT_BUILT = {
    "SourceAlgorithmSpecification": "algorithm resources are not built",
    "ValidationSpecification": "validation jobs are not built",
    "ManagedStorageType": "managed storage is not built",
    "ManagedConfiguration": "managed storage is not built",
}
_UNVERSIONED_NEEDS = (
    "SupportedContentTypes",
    "SupportedResponseMIMETypes",
    "SupportedTransformInstanceTypes",
    "SupportedRealtimeInferenceInstanceTypes",
)
_MOST_PROPERTIES = 50
_EMPTY: tuple[Any, ...] = (None, {}, [])


def group_from_request(call: Call, params: Params) -> Group:
    """CreateModelPackageGroup's parameters as a group; InvalidInput for what is not built."""
    _refuse_not_built(params)
    given = {**_kept(params, _GROUP_KEPT), "CreatedBy": _caller(call)}
    return Group(params["ModelPackageGroupName"], clock.epoch_ms(), given)


def group_to_response(group: Group, arn: str) -> Params:
    """DescribeModelPackageGroup's answer."""
    return {**group_to_summary(group, arn), "CreatedBy": group.given["CreatedBy"]}


def group_to_summary(group: Group, arn: str) -> Params:
    """A group as ListModelPackageGroups shows it."""
    return {
        "ModelPackageGroupName": group.name,
        "ModelPackageGroupArn": arn,
        **_kept(group.given, _GROUP_KEPT),
        "CreationTime": clock.from_epoch_ms(group.created_ms),
        "ModelPackageGroupStatus": "Completed",
    }


def package_from_request(call: Call, params: Params) -> Package:
    """CreateModelPackage's parameters as a package that has no group and no version yet.

    Raises:
        AwsError: AWS refuses it in these words.
        InvalidInput: something is missing or not built.
    """
    _refuse_not_built(params)
    named = [one for one in ("ModelPackageName", "ModelPackageGroupName") if one in params]
    if len(named) == 2:
        text = (
            "Both ModelPackageName and ModelPackageGroupName are provided in the input. "
            "Cannot determine which one to use."
        )
        raise AwsError("ValidationException", text)
    if not named:
        raise AwsError("ValidationException", "Missing ARN.")
    for place, specification in _specifications(params):
        _check_containers(place, specification)
    given = {**_kept(params, _KEPT), "CreatedBy": _caller(call)}
    if named == ["ModelPackageName"]:
        _check_unversioned(params)
        given.pop("ModelApprovalStatus", None)  # it is versions that are approved
    else:
        _check_version(params)
        given.setdefault("ModelApprovalStatus", "PendingManualApproval")
    at_ms = clock.epoch_ms()
    return Package(params[named[0]], None, at_ms, at_ms, given, params.get("ClientToken"))


def package_to_response(package: Package, arn: str) -> Params:
    """DescribeModelPackage's answer."""
    given = package.given
    answer = {
        "CertifyForMarketplace": False,
        "SkipModelValidation": "None",
        **package_to_summary(package, arn),
        **given,
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
    }
    if package.modified_ms != package.created_ms:
        answer["LastModifiedTime"] = clock.from_epoch_ms(package.modified_ms)
    return answer


def package_to_summary(package: Package, arn: str) -> Params:
    """A package as ListModelPackages shows it: a version has its group's name and its number."""
    if package.version is None:
        named: Params = {"ModelPackageName": package.name}
    else:
        named = {
            "ModelPackageGroupName": package.name,
            "ModelPackageVersion": package.version,
        }
    shown = (
        "ModelPackageDescription",
        "ModelApprovalStatus",
        "ModelLifeCycle",
        "ModelPackageRegistrationType",
    )
    return {
        **named,
        "ModelPackageArn": arn,
        **_kept(package.given, shown),
        "CreationTime": clock.from_epoch_ms(package.created_ms),
        "ModelPackageStatus": "Completed",
    }


def changes_from_request(call: Call, package: Package, params: Params) -> Package:
    """The package as UpdateModelPackage leaves it.

    Raises:
        InvalidInput: it would have what it must not.
    """
    given = {**package.given, **_kept(params, _CHANGED), "LastModifiedBy": _caller(call)}
    properties = {
        **given.get("CustomerMetadataProperties", {}),
        **params.get("CustomerMetadataProperties", {}),
    }
    for name in params.get("CustomerMetadataPropertiesToRemove", []):
        properties.pop(name, None)
    if len(properties) > _MOST_PROPERTIES:
        allowed = f"at most {_MOST_PROPERTIES}"
        raise InvalidInput("CustomerMetadataProperties", len(properties), allowed)
    more = params.get("AdditionalInferenceSpecificationsToAdd", [])
    specifications = [*given.get("AdditionalInferenceSpecifications", []), *more]
    given["CustomerMetadataProperties"] = properties
    given["AdditionalInferenceSpecifications"] = specifications
    for place, specification in _specifications(given):
        _check_containers(place, specification)
    present = {member: value for member, value in given.items() if value not in _EMPTY}
    return Package(
        package.name,
        package.version,
        package.created_ms,
        max(clock.epoch_ms(), package.created_ms + 1),
        present,
        package.token,
    )


def _specifications(params: Params) -> list[tuple[str, Params]]:
    """Every inference specification with its place."""
    found = []
    if "InferenceSpecification" in params:
        found.append(("InferenceSpecification", params["InferenceSpecification"]))
    for index, one in enumerate(params.get("AdditionalInferenceSpecifications", [])):
        found.append((f"AdditionalInferenceSpecifications[{index}]", one))
    return found


def _check_containers(place: str, specification: Params) -> None:
    for index, container in enumerate(specification["Containers"]):
        if not container.get("Image") and not container.get("BaseModel"):
            path = f"{place}.Containers[{index}].Image"
            raise InvalidInput(path, None, "the URI of the image that serves the model")


def _check_version(params: Params) -> None:
    if params.get("Tags"):
        text = (
            "Tags cannot be specified for a versioned model package; "
            "it has the tags of its model package group."
        )
        raise AwsError("ValidationException", text)


def _check_unversioned(params: Params) -> None:
    """What AWS asks of a package that stands alone."""
    specification = params.get("InferenceSpecification")
    if specification is None:
        raise InvalidInput("InferenceSpecification", None, "the containers that serve the model")
    for member in _UNVERSIONED_NEEDS:
        if not specification.get(member):
            path = f"InferenceSpecification.{member}"
            raise InvalidInput(path, None, "a value: it is required for an unversioned package")
    if any(container.get("Environment") for container in specification["Containers"]):
        text = (
            "1 validation errors detected:Environment variable map cannot be specified when "
            "using non-versioned ModelPackages"
        )
        raise AwsError("ValidationException", text)


def _refuse_not_built(params: Params) -> None:
    for member, reason in _NOT_BUILT.items():
        if params.get(member):
            raise InvalidInput(member, params[member], f"nothing: {reason}")


def _kept(params: Params, members: tuple[str, ...]) -> dict[str, Any]:
    """These members, as far as they are there and not empty."""
    return {member: params[member] for member in members if params.get(member) not in _EMPTY}


def _caller(call: Call) -> Params:
    """Who made a request, as AWS's UserContext; the account itself where nobody signed."""
    if call.caller is None:
        return {"IamIdentity": {"Arn": f"arn:aws:iam::{call.account_id}:root"}}
    return {"IamIdentity": {"Arn": call.caller.arn, "PrincipalId": call.caller.user_id}}
