"""Operations on uploads in parts, and the removal of a bucket, which ends them."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from bakehouse import clock
from bakehouse.faults import NotFound
from bakehouse.services.s3 import encryption
from bakehouse.services.s3.buckets import owner
from bakehouse.services.s3.conditions import copied_range, expectation
from bakehouse.services.s3.copying import check_source, open_source, source_version
from bakehouse.services.s3.errors import invalid_request, malformed_xml
from bakehouse.services.s3.integrity import (
    algorithms_of,
    given_sums,
    receive,
    sums_to_response,
)
from bakehouse.services.s3.lifecycle import expiration_told
from bakehouse.services.s3.objects import (
    described,
    quoted,
    storage_class_asked,
    version_written,
)
from bakehouse.services.s3.paging import marker_number, page_size, spelled
from bakehouse.storage.multipart import Chosen, MultipartUploads, OpenUpload, Part
from bakehouse.storage.objects import ObjectStore, OpenObject
from bakehouse.storage.uploads import Upload
from bakehouse.wire.types import Answer, AwsError, Call, Params

_CHECKSUM_TYPES = {None: "FULL_OBJECT", "CRC64NVME": "FULL_OBJECT"}
"""Algorithm → how an object's checksum is formed where the client does not say; else of parts."""


async def create_multipart_upload(
    store: ObjectStore, uploads: MultipartUploads, call: Call, params: Params
) -> Params:
    """Begin an upload."""
    algorithm = params.get("ChecksumAlgorithm")
    kind = _checksum_type(algorithm, params.get("ChecksumType"))
    upload = await asyncio.to_thread(
        uploads.create,
        params["Bucket"],
        params["Key"],
        described=described(params),
        algorithm=algorithms_of(params)[0],
        is_composite=kind == "COMPOSITE",
        is_declared=algorithm is not None,
    )
    answer = _names(params) | {"UploadId": upload.upload_id}
    answer |= encryption.told(upload.described["headers"])
    if algorithm is not None:
        answer |= {"ChecksumAlgorithm": algorithm, "ChecksumType": kind}
    return answer


async def upload_part(
    store: ObjectStore, uploads: MultipartUploads, call: Call, params: Params
) -> Params:
    """Receive a part; it is on the disk when this answers."""
    begun = uploads.find(params["Bucket"], params["Key"], params["UploadId"])
    told = encryption.check_part(begun.described, params)
    with _part(uploads, params, algorithms_of(params)) as upload:
        await receive(call, params, upload, store.object_bytes)
        part = await upload.commit_async()
    return {"ETag": quoted(part.etag)} | _part_sums(part) | told


async def upload_part_copy(
    store: ObjectStore, uploads: MultipartUploads, call: Call, params: Params
) -> Params:
    """Make a part of an object, or of a range of one, that is here already."""
    check_source(store, call, params)
    begun = uploads.find(params["Bucket"], params["Key"], params["UploadId"])
    encrypted = encryption.check_part(begun.described, params)
    with open_source(store, params) as opened:
        start, stop = copied_range(params.get("CopySourceRange"), opened.info.size_bytes)
        part = await asyncio.to_thread(_copy, opened, start, stop, _part(uploads, params, []))
        told = source_version(store, opened.info)
    result = {"ETag": quoted(part.etag), "LastModified": clock.to_second(part.modified)}
    return {"CopyPartResult": result | _part_sums(part)} | told | encrypted


async def complete_multipart_upload(
    store: ObjectStore, uploads: MultipartUploads, call: Call, params: Params
) -> Params | Answer:
    """Make the object; it is on the disk when this answers."""
    bucket, key, upload_id = params["Bucket"], params["Key"], params["UploadId"]
    wanted = params.get("MultipartUpload", {}).get("Parts", [])
    if not wanted or any("PartNumber" not in one or "ETag" not in one for one in wanted):
        raise malformed_xml()
    _check_key(uploads, params)
    info = await asyncio.to_thread(
        uploads.complete,
        bucket,
        key,
        upload_id,
        [_chosen(one) for one in wanted],
        checksum=next(iter(given_sums(params).values()), None),
        size_bytes=params.get("MpuObjectSize"),
        expect=expectation(params),
    )
    location = f"http://{call.headers.get('host', 'localhost')}/{bucket}/{quote(key)}"
    answer = _names(params) | {"Location": location, "ETag": quoted(info.etag)}
    answer |= sums_to_response(info.checksums) | version_written(info)
    answer |= encryption.told(info.headers, of_customer=False) | expiration_told(store, info)
    if "SSECustomerKey" not in params:
        return answer
    return Answer(answer, headers=encryption.customer_headers(info.headers))


def _check_key(uploads: MultipartUploads, params: Params) -> None:
    """Make sure that a completion has the customer's key of its upload, if that is still open."""
    try:
        begun = uploads.find(params["Bucket"], params["Key"], params["UploadId"])
    except NotFound:
        return
    encryption.check_completion(begun.described, params, with_sums=begun.is_declared)


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
    after = marker_number(params)
    upload = uploads.find(*names)
    found = uploads.parts(*names, after=after, limit=limit + 1)
    page = found[:limit]
    answer = _names(params) | {
        "UploadId": params["UploadId"],
        "PartNumberMarker": after,
        "MaxParts": limit,
        "IsTruncated": len(found) > limit,
        "Owner": owner(call.account_id),
        "Initiator": owner(call.account_id),
        "StorageClass": storage_class_asked(upload.described),
    }
    if upload.is_declared:
        answer |= _checksums_asked(upload)
    if page:
        answer["Parts"] = [_part_to_response(part) for part in page]
        answer["NextPartNumberMarker"] = page[-1].number
    return answer


async def list_multipart_uploads(
    store: ObjectStore, uploads: MultipartUploads, call: Call, params: Params
) -> Params:
    """The uploads that wait for parts."""
    limit = page_size(params, "MaxUploads")
    marker = params.get("KeyMarker", "")
    page = uploads.uploads(
        params["Bucket"],
        prefix=params.get("Prefix", ""),
        delimiter=params.get("Delimiter", ""),
        after=(marker, params.get("UploadIdMarker", "") if marker else ""),
        limit=limit,
    )
    answer: Params = {
        "Bucket": params["Bucket"],
        "Prefix": spelled(params.get("Prefix", ""), params),
        "KeyMarker": spelled(marker, params),
        "UploadIdMarker": params.get("UploadIdMarker", ""),
        "MaxUploads": limit,
        "IsTruncated": page.next_after is not None,
    }
    for name in ("Delimiter", "EncodingType"):
        if params.get(name):
            answer[name] = spelled(params[name], params)
    if page.next_after is not None:
        key, upload_id = page.next_after
        answer |= {"NextKeyMarker": spelled(key, params), "NextUploadIdMarker": upload_id}
    if page.uploads:
        answer["Uploads"] = [_upload_to_response(one, call, params) for one in page.uploads]
    if page.common_prefixes:
        answer["CommonPrefixes"] = [{"Prefix": spelled(p, params)} for p in page.common_prefixes]
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


def _upload_to_response(upload: OpenUpload, call: Call, params: Params) -> Params:
    answer: Params = {
        "Key": spelled(upload.key, params),
        "UploadId": upload.upload_id,
        "Initiated": clock.to_second(upload.started),
        "StorageClass": storage_class_asked(upload.described),
        "Owner": owner(call.account_id),
        "Initiator": owner(call.account_id),
    }
    return answer | (_checksums_asked(upload) if upload.is_declared else {})


def _checksums_asked(upload: OpenUpload) -> Params:
    kind = "COMPOSITE" if upload.is_composite else "FULL_OBJECT"
    return {"ChecksumAlgorithm": upload.algorithm, "ChecksumType": kind}


def _chosen(one: dict[str, Any]) -> Chosen:
    return Chosen(one["PartNumber"], one["ETag"].strip('"'), given_sums(one))


def _checksum_type(algorithm: str | None, given: str | None) -> str:
    """How the object's checksum is to be formed of its parts.

    Raises:
        AwsError: this algorithm cannot be used so.
    """
    usual = _CHECKSUM_TYPES.get(algorithm, "COMPOSITE")
    if given is None:
        return usual
    if given == "COMPOSITE" and algorithm in (None, "CRC64NVME"):
        raise _cannot_be(given, algorithm)
    if given == "FULL_OBJECT" and algorithm not in (None, "CRC32", "CRC32C", "CRC64NVME"):
        raise _cannot_be(given, algorithm)
    return given


def _cannot_be(kind: str, algorithm: str | None) -> AwsError:
    text = f"The {kind} checksum type cannot be used with the {(algorithm or 'crc64nvme').lower()}"
    return invalid_request(f"{text} checksum algorithm.")


def _copy(opened: OpenObject, start: int, stop: int, upload: Upload[Part]) -> Part:
    with upload:
        for chunk in opened.chunks(start, stop):
            upload.write(chunk)
        return upload.commit()
