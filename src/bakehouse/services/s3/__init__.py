"""The S3 door: buckets and objects as S3's clients know them.

Beside what a request means, each operation refuses what it would otherwise ignore in silence:
versions, tags, customer keys and object locks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from bakehouse.faults import AccessDenied
from bakehouse.services.s3 import buckets, listing, multipart, objects
from bakehouse.services.s3.errors import aws_error, not_implemented
from bakehouse.storage.multipart import MultipartUploads
from bakehouse.storage.objects import ObjectStore
from bakehouse.wire.types import Answer, Call, Operation, Params, Service

__all__ = ["aws_error", "service"]

_NOT_YET = {
    "ObjectLockEnabledForBucket": "object lock",
    "ObjectLockLegalHoldStatus": "object lock",
    "ObjectLockMode": "object lock",
    "SSECustomerAlgorithm": "customer-provided keys",
    "Tagging": "object tags",
    "VersionId": "versions of objects",
    "WebsiteRedirectLocation": "website redirects",
    "WriteOffsetBytes": "appending to objects",
}
"""Members that change what an operation does, in ways that are not built."""

_Run = Callable[[ObjectStore, Call, Params], Awaitable[Params | Answer]]
_RunParts = Callable[[ObjectStore, MultipartUploads, Call, Params], Awaitable[Params | Answer]]

_OPERATIONS: dict[str, _Run] = {
    "CopyObject": objects.copy_object,
    "CreateBucket": buckets.create_bucket,
    "DeleteObject": objects.delete_object,
    "DeleteObjects": objects.delete_objects,
    "GetBucketLocation": buckets.get_bucket_location,
    "GetObject": objects.get_object,
    "HeadBucket": buckets.head_bucket,
    "HeadObject": objects.head_object,
    "ListBuckets": buckets.list_buckets,
    "ListObjects": listing.list_objects,
    "ListObjectsV2": listing.list_objects_v2,
    "PutObject": objects.put_object,
}

_MULTIPART: dict[str, _RunParts] = {
    "AbortMultipartUpload": multipart.abort_multipart_upload,
    "CompleteMultipartUpload": multipart.complete_multipart_upload,
    "CreateMultipartUpload": multipart.create_multipart_upload,
    "DeleteBucket": multipart.delete_bucket,
    "ListMultipartUploads": multipart.list_multipart_uploads,
    "ListParts": multipart.list_parts,
    "UploadPart": multipart.upload_part,
    "UploadPartCopy": multipart.upload_part_copy,
}

_ROOTS = {
    "ListBuckets": "ListAllMyBucketsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "DeleteObjects": "DeleteResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
}
"""The outermost element of an answer, where it is not the operation's name with ``Result``."""


def service(objects: ObjectStore) -> Service:
    """The S3 service over these objects."""
    uploads = MultipartUploads(objects)
    operations = {name: partial(run, objects) for name, run in _OPERATIONS.items()}
    of_parts = {name: partial(run, objects, uploads) for name, run in _MULTIPART.items()}
    return Service(
        name="s3",
        signing_name="s3",
        operations={name: _guarded(run) for name, run in (operations | of_parts).items()},
        aws_error=aws_error,
        broken_code="InternalError",
        xml_roots=_ROOTS,
    )


def _guarded(operation: Operation) -> Operation:
    """What holds for all: the bucket is the expected one, and nothing is ignored in silence."""

    async def run(call: Call, params: Params) -> Params | Answer:
        if params.get("ExpectedBucketOwner", call.account_id) != call.account_id:
            raise AccessDenied("Another account is expected to own the bucket.")
        for member in _NOT_YET.keys() & params.keys():
            raise not_implemented(f"bakehouse does not know {_NOT_YET[member]} yet ({member}).")
        return await operation(call, params)

    return run
