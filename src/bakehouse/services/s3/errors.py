"""S3's errors: code, status and text as AWS writes them."""

from __future__ import annotations

from bakehouse.faults import (
    AccessDenied,
    AlreadyExists,
    Conflict,
    InvalidInput,
    LimitExceeded,
    NotFound,
    Rejected,
)
from bakehouse.storage.objects import DeleteMarker
from bakehouse.wire.types import AwsError

_NOT_FOUND = {
    "bucket": ("NoSuchBucket", "The specified bucket does not exist", "BucketName"),
    "object": ("NoSuchKey", "The specified key does not exist.", "Key"),
    "version": ("NoSuchVersion", "The specified version does not exist.", "VersionId"),
    "upload": (
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have "
        "been aborted or completed.",
        "UploadId",
    ),
}

_BAD_PARTS = {
    "object size": (
        "InvalidRequest",
        "The provided 'x-amz-mp-object-size' header value does not match what was computed.",
    ),
    "checksum": ("BadDigest", "The checksum you specified did not match what we received."),
    "part": (
        "InvalidPart",
        "One or more of the specified parts could not be found.  The part may not have been "
        "uploaded, or the specified entity tag may not match the part's entity tag.",
    ),
    "part order": (
        "InvalidPartOrder",
        "The list of parts was not in ascending order. Parts must be ordered by part number.",
    ),
    "part size": (
        "EntityTooSmall",
        "Your proposed upload is smaller than the minimum allowed size",
    ),
}


def aws_error(fault: Rejected) -> AwsError:
    """A rejection in S3's words."""
    match fault:
        case DeleteMarker():
            return _delete_marker(fault)
        case NotFound(kind=kind, name=name) if kind in _NOT_FOUND:
            code, text, field = _NOT_FOUND[kind]
            return AwsError(code, text, 404, {field: name})
        case AlreadyExists(name=name):
            text = (
                "Your previous request to create the named bucket succeeded and you already own it."
            )
            return AwsError("BucketAlreadyOwnedByYou", text, 409, {"BucketName": name})
        case Conflict(kind="bucket", name=name, state=state):
            text = "The bucket you tried to delete is not empty"
            if "versions" in state:
                text += ". You must delete all versions in the bucket."
            return AwsError("BucketNotEmpty", text, 409, {"BucketName": name})
        case Conflict():
            text = (
                "The conditional request cannot succeed due to a conflicting operation against "
                "this resource."
            )
            return AwsError("ConditionalRequestConflict", text, 409)
        case InvalidInput(path="bucket", value=value):
            text = "The specified bucket is not valid."
            return AwsError("InvalidBucketName", text, 400, {"BucketName": value})
        case InvalidInput(path="versionId", value=value):
            return invalid_argument("versionId", value, fault.message)
        case InvalidInput(path=path) if path in _BAD_PARTS:
            return AwsError(*_BAD_PARTS[path], 400)
        case InvalidInput():
            return AwsError("InvalidArgument", fault.message, 400)
        case LimitExceeded(what="The key", value=size, limit=limit):
            fields = {"Size": round(size), "MaxSizeAllowed": round(limit)}
            return AwsError("KeyTooLongError", "Your key is too long", 400, fields)
        case LimitExceeded(value=size, limit=limit):
            return entity_too_large(round(size), round(limit))
        case AccessDenied():
            return AwsError("AccessDenied", "Access Denied", 403)
    return invalid_request(fault.message)


def _delete_marker(fault: DeleteMarker) -> AwsError:
    """There is a delete marker: nothing to read, and by its own id not even to be asked for."""
    headers = {"x-amz-delete-marker": "true", "x-amz-version-id": fault.version_id}
    if not fault.was_named:
        code, text, field = _NOT_FOUND["object"]
        return AwsError(code, text, 404, {field: fault.name}, headers)
    text = "The specified method is not allowed against this resource."
    fields = {"ResourceType": "DeleteMarker"}
    return AwsError("MethodNotAllowed", text, 405, fields, headers | {"allow": "DELETE"})


def entity_too_large(size: int, limit: int) -> AwsError:
    """More bytes than one request, or one object, may bring."""
    text = "Your proposed upload exceeds the maximum allowed size"
    fields = {"ProposedSize": size, "MaxSizeAllowed": limit}
    return AwsError("EntityTooLarge", text, 400, fields)


def not_implemented(text: str) -> AwsError:
    """Something that S3 does and bakehouse does not do yet; better than to ignore it."""
    return AwsError("NotImplemented", text, 501)


def invalid_argument(name: str, value: object, text: str) -> AwsError:
    """A parameter that is no good."""
    fields = {"ArgumentName": name, "ArgumentValue": value}
    return AwsError("InvalidArgument", text, 400, fields)


def invalid_request(text: str) -> AwsError:
    """A request that contradicts itself, or S3."""
    return AwsError("InvalidRequest", text, 400)


def malformed_xml() -> AwsError:
    """A body that is XML, and not what it should be."""
    text = (
        "The XML you provided was not well-formed or did not validate against our published schema"
    )
    return AwsError("MalformedXML", text, 400)


def precondition_failed(condition: str) -> AwsError:
    """An ``If-…`` header did not hold; ``condition`` is its name."""
    text = "At least one of the pre-conditions you specified did not hold"
    return AwsError("PreconditionFailed", text, 412, {"Condition": condition})
