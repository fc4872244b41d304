"""The S3 door: buckets and objects as S3's clients know them.

Beside what a request means, each operation refuses what it would otherwise ignore in silence, such
as website redirects.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from bakehouse.faults import AccessDenied
from bakehouse.services.s3 import (
    attributes,
    bucket_creation,
    buckets,
    configurations,
    copying,
    encryption,
    listing,
    multipart,
    notification,
    object_lock,
    object_settings,
    objects,
    removal,
    versioning,
)
from bakehouse.services.s3.denials import check_not_denied
from bakehouse.services.s3.errors import aws_error, not_implemented
from bakehouse.services.s3.forms import Forms
from bakehouse.services.s3.notification import KnowsFunction
from bakehouse.services.s3.pages import around
from bakehouse.services.s3.public_access import UNSIGNED, check_unsigned
from bakehouse.storage.multipart import MultipartUploads
from bakehouse.storage.objects import ObjectStore
from bakehouse.wire.types import Answer, Call, Operation, Params, Service

__all__ = ["aws_error", "service"]

_NOT_YET = {
    "WebsiteRedirectLocation": "website redirects",
    "WriteOffsetBytes": "appending to objects",
}
"""Members that change what an operation does, in ways that are not built."""

_Run = Callable[[ObjectStore, Call, Params], Awaitable[Params | Answer]]
_RunParts = Callable[[ObjectStore, MultipartUploads, Call, Params], Awaitable[Params | Answer]]

_OPERATIONS: dict[str, _Run] = {
    "CopyObject": copying.copy_object,
    "CreateBucket": bucket_creation.create_bucket,
    "DeleteObject": removal.delete_object,
    "DeleteObjects": removal.delete_objects,
    "GetBucketLocation": buckets.get_bucket_location,
    "GetBucketVersioning": versioning.get_bucket_versioning,
    "GetObject": objects.get_object,
    "GetObjectAttributes": attributes.get_object_attributes,
    "GetObjectTorrent": objects.get_object_torrent,
    "HeadBucket": buckets.head_bucket,
    "HeadObject": objects.head_object,
    "ListBuckets": buckets.list_buckets,
    "ListObjectVersions": versioning.list_object_versions,
    "ListObjects": listing.list_objects,
    "ListObjectsV2": listing.list_objects_v2,
    "PutBucketVersioning": versioning.put_bucket_versioning,
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
    "GetBucketVersioning": "VersioningConfiguration",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "ListObjectVersions": "ListVersionsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "DeleteObjects": "DeleteResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
}
"""The outermost element of an answer, where it is not the operation's name with ``Result``."""


_WRITES = frozenset({"CopyObject", "CreateMultipartUpload", "PutObject"})
"""Operations whose requests may name an ACL, locks and an encryption for the object."""


def service(store: ObjectStore, *, knows_function: KnowsFunction = lambda arn: False) -> Service:
    """The S3 service over these objects.

    Args:
        store: the buckets and their objects.
        knows_function: whether there is a function that a bucket can tell of changes.
    """
    uploads = MultipartUploads(store)
    of_objects = {name: partial(run, store) for name, run in _OPERATIONS.items()}
    of_parts = {name: partial(run, store, uploads) for name, run in _MULTIPART.items()}
    settings = {
        **configurations.operations(store),
        **notification.operations(store, knows_function),
        **object_lock.operations(store),
        **object_settings.operations(store),
    }
    operations = {name: _guarded(store, name, run) for name, run in (of_objects | of_parts).items()}
    operations |= {name: _of_owner(store, name, run) for name, run in settings.items()}
    for name in _WRITES:
        detailed = object_settings.with_details(store, operations[name])
        operations[name] = encryption.with_default(store, detailed)
    return Service(
        name="s3",
        signing_name="s3",
        operations=operations,
        aws_error=aws_error,
        invalid_code="MalformedXML",
        broken_code="InternalError",
        xml_roots={**_ROOTS, **configurations.ROOTS, **notification.ROOTS, **object_settings.ROOTS},
        checked_bodies=configurations.CHECKED | object_lock.CHECKED | object_settings.CHECKED,
        unsigned={name: partial(check_unsigned, store, name) for name in UNSIGNED},
        around=around(store, Forms(store, _posted(store))),
    )


def _posted(store: ObjectStore) -> Operation:
    """PutObject as a form does it."""
    put = partial(objects.put_object, store, event="ObjectCreated:Post")
    guarded = _guarded(store, "PutObject", put)
    return encryption.with_default(store, object_settings.with_details(store, guarded))


def _of_owner(store: ObjectStore, name: str, operation: Operation) -> Operation:
    """What holds for all: the bucket is the expected one, and its policy does not deny it."""

    async def run(call: Call, params: Params) -> Params | Answer:
        if params.get("ExpectedBucketOwner", call.account_id) != call.account_id:
            raise AccessDenied("Another account is expected to own the bucket.")
        check_not_denied(store, name, call, params)
        return await operation(call, params)

    return run


def _guarded(store: ObjectStore, name: str, operation: Operation) -> Operation:
    """What holds for objects: besides that, nothing is ignored in silence."""
    checked = _of_owner(store, name, operation)

    async def run(call: Call, params: Params) -> Params | Answer:
        for member in _NOT_YET.keys() & params.keys():
            raise not_implemented(f"bakehouse does not know {_NOT_YET[member]} yet ({member}).")
        return await checked(call, params)

    return run
