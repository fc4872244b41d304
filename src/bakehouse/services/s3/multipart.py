"""Operations on uploads in parts, and the removal of a bucket, which ends them."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from bakehouse import clock
from bakehouse.faults import InvalidInput
from bakehouse.services.s3.buckets import owner
from bakehouse.services.s3.conditions import expectation, range_of
from bakehouse.services.s3.errors import malformed_xml
from bakehouse.services.s3.integrity import (
    algorithms_of,
    given_sums,
    receive,
    sums_to_response,
)
from bakehouse.services.s3.objects import check_copy, copy_source, described, quoted
from bakehouse.services.s3.paging import page_size
from bakehouse.storage.multipart import MultipartUploads, OpenUpload, Part
from bakehouse.storage.objects import ObjectStore, OpenObject
from bakehouse.storage.uploads import Upload
from bakehouse.wire.types import Call, Params

_CHECKSUM_TYPES = {None: "FULL_OBJECT", "CRC64NVME": "FULL_OBJECT"}
"""Algorithm → how an object's checksum is formed where the client does not say; else of parts."""


async def create_multipart_upload(
    store: ObjectStore, uploads: MultipartUploads, call: Call, params: Params
) -> Params:
    """Begin an upload."""
    algorithm = params.get("ChecksumAlgorithm")
    kind = params.get("ChecksumType", _CHECKSUM_TYPES.get(algorithm, "COMPOSITE"))
    upload = await asyncio.to_thread(
        uploads.create,
        params["Bucket"],
        params["Key"],
        described=described(params),
        algorithm=algorithms_of(params)[0],
        is_composite=kind == "COMPOSITE",
    )
    answer = _names(params) | {"UploadId": upload.upload_id}
    if algorithm is not None:
        answer |= {"ChecksumAlgorithm": algorithm, "ChecksumType": kind}
    return answer


async def upload_part(
    store: ObjectStore, uploads: MultipartUploads, call: Call, params: Params
) -> Params:
    """Receive a part; it is on the disk when this answers."""
    with _part(uploads, params, algorithms_of(params)) as upload:
        await receive(call, params, upload, store.object_bytes)
        part = await upload.commit_async()
    return {"ETag": quoted(part.etag)} | _part_sums(part)


async def upload_part_copy(
    store: ObjectStore, uploads: MultipartUploads, call: Call, params: Params
) -> Params:
    """Make a part of an object, or of a range of one, that is here already."""
    with store.open(*copy_source(params["CopySource"])) as opened:
        check_copy(opened.info, params)
        start, stop = _copied_range(opened, params.get("CopySourceRange"))
        part = await asyncio.to_thread(_copy, opened, start, stop, _part(uploads, params, []))
    result = {"ETag": quoted(part.etag), "LastModified": clock.to_second(part.modified)}
    return {"CopyPartResult": result | _part_sums(part)}


async def complete_multipart_upload(
    store: ObjectStore, uploads: MultipartUploads, call: Call, params: Params
) -> Params:
    """Make the object; it is on the disk when this answers."""
    bucket, key, upload_id = params["Bucket"], params["Key"], params["UploadId"]
    wanted = params.get("MultipartUpload", {}).get("Parts", [])
    if not wanted or any("PartNumber" not in one or "ETag" not in one for one in wanted):
        raise malformed_xml()
    _check_part_sums(uploads.parts(bucket, key, upload_id), wanted)
    info = await asyncio.to_thread(
        uploads.complete,
        bucket,
        key,
        upload_id,
        [(one["PartNumber"], one["ETag"].strip('"')) for one in wanted],
        checksum=next(iter(given_sums(params).values()), None),
        expect=expectation(params),
    )
    location = f"http://{call.headers.get('host', 'localhost')}/{bucket}/{quote(key)}"
    answer = _names(params) | {"Location": location, "ETag": quoted(info.etag)}
    return answer | sums_to_response(info.checksums)


async def abort_multipart_upload(
    store: ObjectStore, uploads: MultipartUploads, call: Call, params: Params
) -> Params:
    """End an upload and forget its parts."""
    names = params["Bucket"], params["Key"], params["UploadId"]
    await asyncio.to_thread(uploads.abort, *names)
    return {}


async def list_parts(
    store: ObjectStore, uploads: MultipartUploads, call: Call, params: Params
) -> Params:
    """The parts that an upload has so far."""
    names = params["Bucket"], params["Key"], params["UploadId"]
    limit = page_size(params, "MaxParts")
    after = int(params.get("PartNumberMarker", 0))
    found = uploads.parts(*names, after=after, limit=limit + 1)
    page = found[:limit]
    answer = _names(params) | {
        "UploadId": params["UploadId"],
        "PartNumberMarker": after,
        "MaxParts": limit,
        "IsTruncated": len(found) > limit,
        "Parts": [_part_to_response(part) for part in page],
        "Owner": owner(call.account_id),
        "Initiator": owner(call.account_id),
        "StorageClass": "STANDARD",
    }
    return answer | ({"NextPartNumberMarker": page[-1].number} if page else {})


async def list_multipart_uploads(
    store: ObjectStore, uploads: MultipartUploads, call: Call, params: Params
) -> Params:
    """The uploads that wait for parts."""
    limit = page_size(params, "MaxUploads")
    after = params.get("KeyMarker", ""), params.get("UploadIdMarker", "\U0010ffff")
    prefix = params.get("Prefix", "")
    found = uploads.uploads(params["Bucket"], prefix=prefix, after=after, limit=limit + 1)
    page = found[:limit]
    answer: Params = {
        "Bucket": params["Bucket"],
        "Prefix": prefix,
        "KeyMarker": params.get("KeyMarker", ""),
        "UploadIdMarker": params.get("UploadIdMarker", ""),
        "MaxUploads": limit,
        "IsTruncated": len(found) > limit,
        "Uploads": [_upload_to_response(upload, call) for upload in page],
    }
    if len(found) > limit:
        answer |= {"NextKeyMarker": page[-1].key, "NextUploadIdMarker": page[-1].upload_id}
    return answer


async def delete_bucket(
    store: ObjectStore, uploads: MultipartUploads, call: Call, params: Params
) -> Params:
    """Remove an empty bucket, and the uploads into it that were not completed."""
    await asyncio.to_thread(store.delete_bucket, params["Bucket"])
    await asyncio.to_thread(uploads.abort_all, params["Bucket"])
    return {}


def _names(params: Params) -> Params:
    return {"Bucket": params["Bucket"], "Key": params["Key"]}


def _part(uploads: MultipartUploads, params: Params, checksums: list[str]) -> Upload[Part]:
    names = params["Bucket"], params["Key"], params["UploadId"]
    return uploads.part(*names, params["PartNumber"], checksums=checksums)


def _part_sums(part: Part) -> Params:
    sums = sums_to_response(part.checksums)
    sums.pop("ChecksumType", None)  # a part's checksum is always of its own bytes
    return sums


def _part_to_response(part: Part) -> Params:
    return {
        "PartNumber": part.number,
        "LastModified": clock.to_second(part.modified),
        "ETag": quoted(part.etag),
        "Size": part.size_bytes,
    } | _part_sums(part)


def _upload_to_response(upload: OpenUpload, call: Call) -> Params:
    return {
        "Key": upload.key,
        "UploadId": upload.upload_id,
        "Initiated": clock.to_second(upload.started),
        "StorageClass": "STANDARD",
        "Owner": owner(call.account_id),
        "Initiator": owner(call.account_id),
    }


def _check_part_sums(found: list[Part], wanted: list[dict[str, Any]]) -> None:
    """Compare the checksums that a completion names with those of the parts that came."""
    by_number = {part.number: part.checksums for part in found}
    for one in wanted:
        for name, value in given_sums(one).items():
            if by_number.get(one["PartNumber"], {}).get(name, value) != value:
                raise InvalidInput("part", value, f"the {name} of part {one['PartNumber']}")


def _copied_range(opened: OpenObject, header: str | None) -> tuple[int, int]:
    size = opened.info.size_bytes
    return range_of(header, size) or (0, size)


def _copy(opened: OpenObject, start: int, stop: int, upload: Upload[Part]) -> Part:
    with upload:
        for chunk in opened.chunks(start, stop):
            upload.write(chunk)
        return upload.commit()
