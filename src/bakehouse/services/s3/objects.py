"""Operations on objects: write and read them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any

from bakehouse import clock
from bakehouse.services.s3 import encryption
from bakehouse.services.s3.attributes import part_sum
from bakehouse.services.s3.conditions import expectation, is_unmodified, range_of
from bakehouse.services.s3.errors import invalid_request
from bakehouse.services.s3.integrity import algorithms_of, receive, sums_to_response
from bakehouse.services.s3.lifecycle import expiration_told
from bakehouse.services.s3.object_lock import locks_to_response
from bakehouse.services.s3.object_settings import AT_WRITE
from bakehouse.services.s3.tagging import tags_from_header
from bakehouse.storage.objects import NULL_ID, ObjectInfo, ObjectStore, OpenObject
from bakehouse.wire.types import Answer, AwsError, Call, Params

_METADATA_BYTES = 2048
_DEFAULT_TYPE = "binary/octet-stream"
_KEPT_HEADERS = {
    "CacheControl": "cache-control",
    "ContentDisposition": "content-disposition",
    "ContentEncoding": "content-encoding",
    "ContentLanguage": "content-language",
    "Expires": "expires",
}
"""Member → header: what a writer says for the readers, beside the type and the metadata."""
_STORAGE_CLASSES = (
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "GLACIER_IR",
    "DEEP_ARCHIVE",
)


async def put_object(
    store: ObjectStore, call: Call, params: Params, *, event: str = "ObjectCreated:Put"
) -> Params:
    """Write an object; it is on the disk when this answers."""
    upload = store.upload(
        params["Bucket"],
        params["Key"],
        **described(params),
        checksums=algorithms_of(params),
        expect=expectation(params),
        event=event,
    )
    with upload:
        await receive(call, params, upload, store.object_bytes)
        info = await upload.commit_async()
    told = {"ETag": quoted(info.etag), **sums_to_response(info.checksums)}
    told |= version_written(info) | encryption.told(info.headers)
    return told | expiration_told(store, info)


async def get_object(store: ObjectStore, call: Call, params: Params) -> Params | Answer:
    """Read an object or a range of it; large ones are read from the disk as they are sent."""
    encryption.check_only_key(call)
    opened = store.open(params["Bucket"], params["Key"], params.get("VersionId"))
    answer, part = _read_answer(store, opened.info, params)
    if answer.status == 304:
        return answer
    return Answer({**answer.params, "Body": await _body(opened, *part)}, answer.status)


async def head_object(store: ObjectStore, call: Call, params: Params) -> Params | Answer:
    """What GetObject would answer, without the bytes."""
    encryption.check_only_key(call)
    info = store.head(params["Bucket"], params["Key"], params.get("VersionId"))
    return _read_answer(store, info, params)[0]


async def get_object_torrent(store: ObjectStore, call: Call, params: Params) -> Params:
    """Of no object there is a torrent, as on S3 since 2022."""
    store.head(params["Bucket"], params["Key"])
    raise AwsError("NoSuchKey", "There are no torrents of objects.", 404, {"Key": params["Key"]})


def described(params: Params) -> dict[str, Any]:
    """What a writer says of an object, as arguments for the store.

    Raises:
        AwsError: the metadata is more than 2 KiB, or something in it is none of S3's words.
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
    if "content-encoding" in headers:
        headers |= _encoding(headers.pop("content-encoding"))
    return {
        "content_type": params.get("ContentType", _DEFAULT_TYPE),
        "metadata": metadata,
        "headers": headers | _storage_class(params) | encryption.asked(params),
        "tags": tags_from_header(params.get("Tagging")),
        "details": params.get(AT_WRITE, {}),
    }


def _encoding(given: str) -> dict[str, str]:
    """The object's own encoding, without the one of the way here."""
    kept = [word.strip() for word in given.split(",") if word.strip() != "aws-chunked"]
    return {"content-encoding": ", ".join(kept)} if kept else {}


def _storage_class(params: Params) -> dict[str, str]:
    given = params.get("StorageClass", "STANDARD")
    if given not in _STORAGE_CLASSES:
        text = "The storage class you specified is not valid"
        raise AwsError("InvalidStorageClass", text, 400)
    return {} if given == "STANDARD" else {"x-amz-storage-class": given}


def quoted(etag: str) -> str:
    """An ETag as HTTP writes it."""
    return f'"{etag}"'


def version_written(info: ObjectInfo) -> Params:
    """The id of the version that a write made; S3 tells none where the bucket keeps none."""
    return {} if info.version_id in (None, NULL_ID) else {"VersionId": info.version_id}


def storage_class_asked(described_as: dict[str, Any]) -> str:
    """The storage class of an object to be."""
    return str(described_as["headers"].get("x-amz-storage-class", "STANDARD"))


def _read_answer(
    store: ObjectStore, info: ObjectInfo, params: Params
) -> tuple[Answer, tuple[int, int]]:
    """Everything of GetObject's answer but the bytes, and which bytes they are."""
    if "PartNumber" in params:
        _part(info, params["PartNumber"])  # There is such a part, whoever asks for it.
    encryption.check_reader(info, params)
    validators = {
        "ETag": quoted(info.etag),
        "LastModified": clock.to_second(info.modified),
    }
    if (version_id := store.version_told(info)) is not None:
        validators["VersionId"] = version_id
    if is_unmodified(info, params):
        return Answer(validators, 304), (0, 0)
    part, more = _part_or_range(info, params)
    start, stop = part or (0, info.size_bytes)
    answer = validators | _info_to_response(info, params) | {"ContentLength": stop - start} | more
    if "VersionId" not in params:
        answer |= expiration_told(store, info)
    if part is None:
        return Answer(answer), (start, stop)
    if start < stop:
        answer["ContentRange"] = f"bytes {start}-{stop - 1}/{info.size_bytes}"
    return Answer(answer, 206), part


def _part_or_range(info: ObjectInfo, params: Params) -> tuple[tuple[int, int] | None, Params]:
    """Which bytes are asked for (None for all), and what is told of just these.

    Checksums are of a whole object or of a whole part, so a range has none.
    """
    with_sums = params.get("ChecksumMode") == "ENABLED"
    if "PartNumber" not in params:
        part = range_of(params.get("Range"), info.size_bytes)
        return part, sums_to_response(info.checksums) if with_sums and part is None else {}
    if "Range" in params:
        raise invalid_request("Cannot specify both Range header and partNumber query parameter")
    part = _part(info, params["PartNumber"])
    if info.parted is None:
        return part, sums_to_response(info.checksums) if with_sums else {}
    counted = {"PartsCount": info.parted.count}
    return part, counted | (part_sum(info, params["PartNumber"]) if with_sums else {})


def _part(info: ObjectInfo, number: int) -> tuple[int, int]:
    """Where a part begins and ends; an object that came whole has one."""
    sizes = info.part_sizes
    if not 1 <= number <= len(sizes):
        text = "The requested partnumber is not satisfiable"
        raise AwsError("InvalidPart", text, 400, {"PartNumberRequested": number})
    start = sum(sizes[: number - 1])
    return start, start + sizes[number - 1]


def _info_to_response(info: ObjectInfo, params: Params) -> Params:
    answer: Params = {"AcceptRanges": "bytes", "ContentType": info.content_type}
    answer |= encryption.told(info.headers)
    answer |= locks_to_response(info)
    if info.metadata:
        answer["Metadata"] = info.metadata
    if info.tags:
        answer["TagCount"] = len(info.tags)
    if info.storage_class != "STANDARD":
        answer["StorageClass"] = info.storage_class
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
        del first  # a client that takes nothing more holds as little as it can
        while chunk := await asyncio.to_thread(next, chunks, b""):
            yield chunk
