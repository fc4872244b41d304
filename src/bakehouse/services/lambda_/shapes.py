"""Functions between botocore's members and our records."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

from bakehouse import clock
from bakehouse.faults import InvalidInput
from bakehouse.functions.definition import LATEST, Function, spoken_name
from bakehouse.functions.functions import S3Object
from bakehouse.functions.logs import group_name
from bakehouse.services.tagging import checked_tags
from bakehouse.wire.types import Params

# What would make the code run in another way than it does here.
_NOT_RUN = (
    "CapacityProviderConfig",
    "DurableConfig",
    "FileSystemConfigs",
    "ImageConfig",
    "Layers",
    "TenancyConfig",
)

# Member → attribute, where the value goes over unchanged.
_PLAIN = {
    "Description": "description",
    "Handler": "handler",
    "MemorySize": "memory_mb",
    "Role": "role",
    "Runtime": "runtime",
    "Timeout": "timeout_s",
}


def draft_from_request(params: Params) -> Function:
    """The function that a CreateFunction request describes, without its code.

    Raises:
        InvalidInput: something is missing, or asks for what is not run here.
    """
    if params.get("PackageType", "Zip") != "Zip":
        raise InvalidInput("PackageType", params["PackageType"], "Zip: images are not run here")
    if not params.get("Runtime") or not params.get("Handler"):
        text = (
            "Runtime and Handler are mandatory parameters for functions created with deployment "
            "packages."
        )
        raise InvalidInput("Runtime", params.get("Runtime"), "a runtime and a handler", text)
    name, _ = spoken_name(params["FunctionName"])
    return Function(
        name=name, tags=checked_tags(params.get("Tags", {}).items()), **changes_from_request(params)
    )


def changes_from_request(params: Params) -> dict[str, Any]:
    """The attributes of a function that a request sets.

    Raises:
        InvalidInput: the request asks for what is not run here.
    """
    for member in _NOT_RUN:
        if params.get(member):
            raise InvalidInput(member, params[member], "nothing: bakehouse does not run it yet")
    changes = {ours: params[member] for member, ours in _PLAIN.items() if member in params}
    if "Environment" in params:
        changes["environment"] = params["Environment"].get("Variables", {})
    if "EphemeralStorage" in params:
        changes["scratch_mb"] = params["EphemeralStorage"]["Size"]
    if "Mode" in params.get("TracingConfig", {}):
        changes["tracing"] = params["TracingConfig"]["Mode"]
    if "Architectures" in params:
        changes["architectures"] = tuple(params["Architectures"])
    return changes


def code_from_request(path: str, params: Params) -> bytes | S3Object:
    """The archive in a request, or where it lies.

    Raises:
        InvalidInput: it is neither, or an image.
    """
    if "ZipFile" in params:
        return bytes(params["ZipFile"])
    if "S3Bucket" in params and "S3Key" in params:
        return S3Object(params["S3Bucket"], params["S3Key"])
    given = sorted(member for member in params if member.startswith(("S3", "Image")))
    raise InvalidInput(path or "ZipFile", given, "ZipFile, or S3Bucket and S3Key")


def function_to_response(function: Function, arn: str) -> Params:
    """A function's configuration, as every operation on functions shows it."""
    answer: Params = {
        "FunctionName": function.name,
        "FunctionArn": arn,
        **{member: getattr(function, ours) for member, ours in _PLAIN.items()},
        "CodeSize": function.code_bytes,
        "CodeSha256": base64.b64encode(bytes.fromhex(function.code_digest)).decode(),
        "LastModified": _last_modified(clock.from_epoch_ms(function.modified_ms)),
        "Version": LATEST,
        "TracingConfig": {"Mode": function.tracing},
        "RevisionId": function.revision,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": list(function.architectures),
        "EphemeralStorage": {"Size": function.scratch_mb},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": group_name(function.name)},
    }
    if function.environment:
        answer["Environment"] = {"Variables": dict(function.environment)}
    return answer


def _last_modified(moment: datetime) -> str:
    return clock.to_iso_ms(moment).removesuffix("Z") + "+0000"
