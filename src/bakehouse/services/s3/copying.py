"""Copies: an object, or a part of an upload, from the bytes of what is here already."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote

from bakehouse import clock
from bakehouse.faults import AccessDenied
from bakehouse.services.s3 import encryption
from bakehouse.services.s3.conditions import expectation, is_unmodified
from bakehouse.services.s3.denials import check_not_denied
from bakehouse.services.s3.errors import invalid_argument, invalid_request, precondition_failed
from bakehouse.services.s3.integrity import algorithms_of, sums_to_response
from bakehouse.services.s3.lifecycle import expiration_told
from bakehouse.services.s3.objects import described, quoted, version_written
from bakehouse.storage.objects import DeleteMarker, ObjectInfo, ObjectStore, OpenObject
from bakehouse.wire.types import AwsError, Call, Params

_COPIED_BYTES = 5 * 1024**3
_CHANGES = (
    "StorageClass",
    "ServerSideEncryption",
    "SSECustomerAlgorithm",
    "CopySourceSSECustomerAlgorithm",
)
"""Members, one of which is reason enough to copy an object over itself."""


async def copy_object(store: ObjectStore, call: Call, params: Params) -> Params:
    """Write an object from the bytes of another, or of a version of one."""
    bucket, key, version_id = copy_source(params["CopySource"])
    check_source(store, call, params)
    _check_directives(params)
    itself = (bucket, key) == (params["Bucket"], params["Key"]) and version_id is None
    if itself and params.get("MetadataDirective") != "REPLACE" and not _changes(params):
        raise invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without "
            "changing the object's metadata, storage class, website redirect location or "
            "encryption attributes."
        )
    with open_source(store, params) as opened:
        if opened.info.size_bytes > _COPIED_BYTES:
            text = "The specified copy source is larger than the maximum allowable size for a copy"
            raise invalid_request(f"{text} source: {_COPIED_BYTES}")
        info = await asyncio.to_thread(_copy, store, opened, params)
        told = source_version(store, opened.info)
    result = {"ETag": quoted(info.etag), "LastModified": clock.to_second(info.modified)}
    answer = {"CopyObjectResult": result | sums_to_response(info.checksums)}
    answer |= version_written(info) | encryption.told(info.headers) | told
    return answer | expiration_told(store, info)


def copy_source(text: str) -> tuple[str, str, str | None]:
    """Bucket, key and version of a ``CopySource``: ``bucket/key?versionId=…``, percent-encoded.

    Raises:
        AwsError: it names no key.
    """
    path, mark, version_id = text.partition("?versionId=")
    bucket, _, key = unquote(path).removeprefix("/").partition("/")
    if not bucket or not key or (mark and not version_id):
        text = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
        raise invalid_argument("x-amz-copy-source", path, text)
    return bucket, key, version_id or None


def open_source(store: ObjectStore, params: Params) -> OpenObject:
    """Begin to read what is to be copied.

    Raises:
        AwsError: it is a delete marker, or a condition on it does not hold.
        NotFound: there is no such bucket, object or version.
    """
    try:
        opened = store.open(*copy_source(params["CopySource"]))
    except DeleteMarker as fault:
        if not fault.was_named:
            raise
        text = "The source of a copy request may not specifically refer to a delete marker by"
        raise invalid_request(f"{text} version id.") from fault
    try:
        encryption.check_reader(opened.info, params, prefix="CopySource")
        if is_unmodified(opened.info, params, prefix="CopySource"):
            raise precondition_failed("x-amz-copy-source-If-None-Match")
    except AwsError:
        opened.close()
        raise
    return opened


def check_source(store: ObjectStore, call: Call, params: Params) -> None:
    """Make sure that the source's bucket is whose the caller expects, and lets the caller read it.

    Raises:
        AccessDenied: it is not, or does not.
        AwsError: no source is named.
        NotFound: there is no such bucket.
    """
    if params.get("ExpectedSourceBucketOwner", call.account_id) != call.account_id:
        raise AccessDenied("Another account is expected to own the source bucket.")
    bucket, key, version_id = copy_source(params["CopySource"])
    read: Params = {"Bucket": bucket, "Key": key, "VersionId": version_id}
    check_not_denied(store, "GetObject", call, read)


def source_version(store: ObjectStore, info: ObjectInfo) -> Params:
    """Which version was copied, where there are versions."""
    told = store.version_told(info)
    return {} if told is None else {"CopySourceVersionId": told}


def _check_directives(params: Params) -> None:
    for member in ("MetadataDirective", "TaggingDirective"):
        if params.get(member, "COPY") not in ("COPY", "REPLACE"):
            name = member.removesuffix("Directive").lower()
            text = f"Unknown {name} directive."
            raise AwsError("InvalidArgument", text, 400)


def _changes(params: Params) -> bool:
    return any(member in params for member in _CHANGES)


def _copy(store: ObjectStore, opened: OpenObject, params: Params) -> ObjectInfo:
    with store.upload(
        params["Bucket"],
        params["Key"],
        **_described_copy(opened.info, params),
        checksums=_algorithms(opened.info, params),
        expect=expectation(params),
        event="ObjectCreated:Copy",
    ) as upload:
        for chunk in opened.chunks():
            upload.write(chunk)
        return upload.commit()


def _described_copy(source: ObjectInfo, params: Params) -> dict[str, Any]:
    """What is said of the copy: of the source, but for what the request replaces."""
    asked = described(params)
    tags = asked["tags"] if params.get("TaggingDirective") == "REPLACE" else source.tags
    if params.get("MetadataDirective") == "REPLACE":
        return asked | {"tags": tags}
    own = ("x-amz-storage-class", *encryption.HEADERS)  # of each object, never of its source
    headers = {name: value for name, value in source.headers.items() if name not in own}
    headers |= {name: value for name, value in asked["headers"].items() if name in own}
    return {
        "content_type": source.content_type,
        "metadata": source.metadata,
        "headers": headers,
        "tags": tags,
        "details": asked["details"],
    }


def _algorithms(source: ObjectInfo, params: Params) -> list[str]:
    """The checksum that the caller names, else the source's own kind."""
    if "ChecksumAlgorithm" in params or not source.checksums:
        return algorithms_of(params)
    return list(source.checksums)
