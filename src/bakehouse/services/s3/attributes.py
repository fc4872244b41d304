"""GetObjectAttributes: what is known of an object, as far as it is asked for."""

from __future__ import annotations

from typing import Any

from bakehouse import clock
from bakehouse.services.s3 import encryption
from bakehouse.services.s3.errors import invalid_argument
from bakehouse.services.s3.integrity import sums_to_response
from bakehouse.services.s3.paging import marker_number, page_size
from bakehouse.storage.objects import ObjectInfo, ObjectStore
from bakehouse.wire.types import Call, Params

_KNOWN = ("ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize")


async def get_object_attributes(store: ObjectStore, call: Call, params: Params) -> Params:
    """The attributes that the caller names."""
    asked = {word.strip() for one in params["ObjectAttributes"] for word in one.split(",")}
    if not asked or asked - set(_KNOWN):
        text = "Invalid attribute name specified."
        raise invalid_argument("x-amz-object-attributes", ",".join(sorted(asked)), text)
    info = store.head(params["Bucket"], params["Key"], params.get("VersionId"))
    encryption.check_reader(info, params)
    answer: Params = {"LastModified": clock.to_second(info.modified)}
    if (told := store.version_told(info)) is not None:
        answer["VersionId"] = told
    known = _attributes(info, params)
    return answer | {name: known[name] for name in _KNOWN if name in asked and name in known}


def _attributes(info: ObjectInfo, params: Params) -> Params:
    known: Params = {
        "ETag": info.etag,
        "StorageClass": info.storage_class,
        "ObjectSize": info.size_bytes,
    }
    if info.checksums:
        known["Checksum"] = sums_to_response(info.checksums)
    if info.parted is not None:
        known["ObjectParts"] = _parts(info, params)
    return known


def _parts(info: ObjectInfo, params: Params) -> Params:
    """A page of the parts that the object was uploaded in."""
    limit, after = page_size(params, "MaxParts"), marker_number(params)
    sizes = info.part_sizes
    last = min(after + limit, len(sizes))
    answer: dict[str, Any] = {
        "TotalPartsCount": len(sizes),
        "PartNumberMarker": str(after),
        "MaxParts": limit,
        "IsTruncated": last < len(sizes),
    }
    if last > after:
        answer["NextPartNumberMarker"] = str(last)
        answer["Parts"] = [_part(info, n, sizes[n - 1]) for n in range(after + 1, last + 1)]
    return answer


def _part(info: ObjectInfo, number: int, size_bytes: int) -> Params:
    return {"PartNumber": number, "Size": size_bytes} | part_sum(info, number)


def part_sum(info: ObjectInfo, number: int) -> Params:
    """The checksum of one part, where the upload named an algorithm."""
    sums = () if info.parted is None else info.parted.sums
    return {f"Checksum{name}": sums[number - 1] for name in info.checksums if number <= len(sums)}
