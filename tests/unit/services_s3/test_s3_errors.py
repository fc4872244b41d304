"""How faults of the storage are told at the door."""

from __future__ import annotations

import pytest

from bakehouse.faults import (
    AccessDenied,
    AlreadyExists,
    Conflict,
    InvalidInput,
    LimitExceeded,
    NotFound,
    Rejected,
)
from bakehouse.services.s3 import aws_error


@pytest.mark.parametrize(
    ("fault", "code", "status", "fields"),
    [
        (NotFound("bucket", "b"), "NoSuchBucket", 404, {"BucketName": "b"}),
        (NotFound("object", "k"), "NoSuchKey", 404, {"Key": "k"}),
        (NotFound("upload", "u"), "NoSuchUpload", 404, {"UploadId": "u"}),
        (NotFound("thing", "t"), "InvalidRequest", 400, {}),
        (AlreadyExists("bucket", "b"), "BucketAlreadyOwnedByYou", 409, {"BucketName": "b"}),
        (Conflict("bucket", "b", "", ""), "BucketNotEmpty", 409, {"BucketName": "b"}),
        (Conflict("object", "k", "", ""), "ConditionalRequestConflict", 409, {}),
        (InvalidInput("bucket", "B", ""), "InvalidBucketName", 400, {"BucketName": "B"}),
        (InvalidInput("part size", 1, ""), "EntityTooSmall", 400, {}),
        (InvalidInput("name", "\ud800", ""), "InvalidArgument", 400, {}),
        (
            LimitExceeded("The key", 1025, 1024, "bytes"),
            "KeyTooLongError",
            400,
            {"Size": 1025, "MaxSizeAllowed": 1024},
        ),
        (
            LimitExceeded("The object", 6, 5, "bytes"),
            "EntityTooLarge",
            400,
            {"ProposedSize": 6, "MaxSizeAllowed": 5},
        ),
        (AccessDenied("no"), "AccessDenied", 403, {}),
    ],
)
def test_each_fault_has_s3s_code_and_status(
    fault: Rejected, code: str, status: int, fields: dict[str, object]
) -> None:
    """And the members that AWS adds to the error."""
    error = aws_error(fault)
    assert (error.code, error.status, error.fields) == (code, status, fields)
