"""Operations on objects: write, read, copy, remove."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from bakehouse import clock
from bakehouse.faults import AccessDenied
from bakehouse.services.s3.conditions import expectation, is_unmodified, range_of
from bakehouse.services.s3.errors import (
    invalid_argument,
    invalid_request,
    malformed_xml,
    not_implemented,
    precondition_failed,
)
from bakehouse.services.s3.integrity import algorithms_of, receive, sums_to_response
from bakehouse.storage.objects import ObjectInfo, ObjectStore, OpenObject
from bakehouse.wire.types import Answer, AwsError, Call, Params

_METADATA_BYTES = 2048
_MOST_DELETES = 1000
_DEFAULT_TYPE = "binary/octet-stream"
_KEPT_HEADERS = {
    "CacheControl": "cache-control",
    "ContentDisposition": "content-disposition",
    "ContentEncoding": "content-encoding",
    "ContentLanguage": "content-language",
    "Expires": "expires",
}
"""Member → header: what a writer says for the readers, beside the type and the metadata."""


async def put_object(store: ObjectStore, call: Call, params: Params) -> Params:
    """Write an object; it is on the disk when this answers."""
    upload = store.upload(
        params["Bucket"],
        params["Key"],
        **described(params),
        checksums=algorithms_of(params),
        expect=expectation(params),
    )
    with upload:
        await receive(call, params, upload, store.object_bytes)
        info = await upload.commit_async()
    return {"ETag": quoted(info.etag), **sums_to_response(info.checksums)}


async def get_object(store: ObjectStore, call: Call, params: Params) -> Params | Answer:
    """Read an object or a range of it; large ones are read from the disk as they are sent."""
    opened = store.open(params["Bucket"], params["Key"])
    answer, part = _read_answer(opened.info, params)
    if answer.status == 304:
        return answer
    return Answer({**answer.params, "Body": await _body(opened, *part)}, answer.status)


async def head_object(store: ObjectStore, call: Call, params: Params) -> Params | Answer:
    """What GetObject would answer, without the bytes."""
    answer, _ = _read_answer(store.head(params["Bucket"], params["Key"]), params)
    return answer


async def delete_object(store: ObjectStore, call: Call, params: Params) -> Params:
    """Remove an object; it is no error that there is none."""
    await store.delete_async(params["Bucket"], params["Key"])
    return {}


async def delete_objects(store: ObjectStore, call: Call, params: Params) -> Params:
    """Remove up to 1,000 objects."""
    wanted = params["Delete"].get("Objects", [])
    if not 1 <= len(wanted) <= _MOST_DELETES:
        raise malformed_xml()
    if any("VersionId" in one or "ETag" in one for one in wanted):
        raise not_implemented("bakehouse does not keep versions of objects yet.")
    keys = [one["Key"] for one in wanted]
    await asyncio.to_thread(store.delete, params["Bucket"], *keys)
    return {} if params["Delete"].get("Quiet") else {"Deleted": [{"Key": key} for key in keys]}


async def copy_object(store: ObjectStore, call: Call, params: Params) -> Params:
    """Write an object from the bytes of another."""
    bucket, key = copy_source(params["CopySource"])
    if params.get("ExpectedSourceBucketOwner", call.account_id) != call.account_id:
        raise AccessDenied("Another account is expected to own the source bucket.")
    replaces = params.get("MetadataDirective") == "REPLACE"
    if (bucket, key) == (params["Bucket"], params["Key"]) and not replaces:
        raise invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without "
            "changing the object's metadata, storage class, website redirect location or "
            "encryption attributes."
        )
    with store.open(bucket, key) as opened:
        check_copy(opened.info, params)
        info = await asyncio.to_thread(_copy, store, opened, params, replaces)
    result = {"ETag": quoted(info.etag), "LastModified": clock.to_second(info.modified)}
    return {"CopyObjectResult": result | sums_to_response(info.checksums)}


def copy_source(text: str) -> tuple[str, str]:
    """Bucket and key of a ``CopySource``: ``bucket/key``, percent-encoded, with or without a slash.

    Raises:
        AwsError: it names no key, or a version.
    """
    path, _, query = text.partition("?")
    bucket, _, key = unquote(path).removeprefix("/").partition("/")
    if query:
        raise not_implemented("bakehouse does not keep versions of objects yet.")
    if not bucket or not key:
        text = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
        raise invalid_argument("x-amz-copy-source", path, text)
    return bucket, key


def check_copy(info: ObjectInfo, params: Params) -> None:
    """Make sure that the conditions on the source of a copy hold.

    Raises:
        AwsError: 412, they do not.
    """
    if is_unmodified(info, params, prefix="CopySource"):
        raise precondition_failed("x-amz-copy-source-If-None-Match")


def described(params: Params) -> dict[str, Any]:
    """What a writer says of an object, as arguments for the store.

    Raises:
        AwsError: the metadata is more than 2 KiB.
    """
    metadata = {name.lower(): value for name, value in params.get("Metadata", {}).items()}
    size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if size > _METADATA_BYTES:
        text = "Your metadata headers exceed the maximum allowed metadata size"
        fields = {"Size": size, "MaxSizeAllowed": _METADATA_BYTES}
        raise AwsError("MetadataTooLarge", text, 400, fields)
    headers = {header: params[name] for name, header in _KEPT_HEADERS.items() if name in params}
    if isinstance(headers.get("expires"), datetime):
        headers["expires"] = headers["expires"].isoformat()
    return {
        "content_type": params.get("ContentType", _DEFAULT_TYPE),
        "metadata": metadata,
        "headers": headers,
    }


def quoted(etag: str) -> str:
    """An ETag as HTTP writes it."""
    return f'"{etag}"'


def _copy(store: ObjectStore, opened: OpenObject, params: Params, replaces: bool) -> ObjectInfo:
    source = opened.info
    described_as = (
        described(params)
        if replaces
        else {
            "content_type": source.content_type,
            "metadata": source.metadata,
            "headers": source.headers,
        }
    )
    with store.upload(
        params["Bucket"],
        params["Key"],
        **described_as,
        checksums=algorithms_of(params),
        expect=expectation(params),
    ) as upload:
        for chunk in opened.chunks():
            upload.write(chunk)
        return upload.commit()


def _read_answer(info: ObjectInfo, params: Params) -> tuple[Answer, tuple[int, int]]:
    """Everything of GetObject's answer but the bytes, and which bytes they are."""
    validators = {
        "ETag": quoted(info.etag),
        "LastModified": clock.to_second(info.modified),
    }
    if is_unmodified(info, params):
        return Answer(validators, 304), (0, 0)
    if "PartNumber" in params:
        raise not_implemented("bakehouse does not read single parts of objects yet.")
    part = range_of(params.get("Range"), info.size_bytes)
    start, stop = part or (0, info.size_bytes)
    answer = validators | _info_to_response(info, params) | {"ContentLength": stop - start}
    if part is not None:
        answer["ContentRange"] = f"bytes {start}-{stop - 1}/{info.size_bytes}"
        return Answer(answer, 206), part
    if params.get("ChecksumMode") == "ENABLED":  # never for a range: it is of the whole object
        answer |= sums_to_response(info.checksums)
    return Answer(answer), (start, stop)


def _info_to_response(info: ObjectInfo, params: Params) -> Params:
    answer: Params = {"AcceptRanges": "bytes", "ContentType": info.content_type}
    if info.metadata:
        answer["Metadata"] = info.metadata
    for name, header in _KEPT_HEADERS.items():
        if header in info.headers:
            answer[name] = info.headers[header]
    for name in ("ContentType", *_KEPT_HEADERS):
        if f"Response{name}" in params:
            answer[name] = params[f"Response{name}"]
    if isinstance(answer.get("Expires"), str):
        answer["Expires"] = datetime.fromisoformat(answer["Expires"])
    return answer


async def _body(opened: OpenObject, start: int, stop: int) -> bytes | AsyncIterator[bytes]:
    """The bytes at once where they are at hand or few, else as they are read."""
    chunks = opened.chunks(start, stop)
    if opened.is_inline:
        return b"".join(chunks)
    first = await asyncio.to_thread(next, chunks, b"")
    if len(first) == stop - start:
        opened.close()
        return first
    return _stream(opened, first, chunks)


async def _stream(
    opened: OpenObject, first: bytes, chunks: Iterator[bytes]
) -> AsyncIterator[bytes]:
    with opened:
        yield first
        while chunk := await asyncio.to_thread(next, chunks, b""):
            yield chunk
