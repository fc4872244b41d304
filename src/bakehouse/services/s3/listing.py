"""ListObjects and ListObjectsV2: the keys of a bucket, in pages."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from bakehouse import clock
from bakehouse.services import page_tokens
from bakehouse.services.s3.buckets import owner
from bakehouse.services.s3.paging import page_size, place_of, spelled
from bakehouse.storage.objects import Listing, ObjectInfo, ObjectStore
from bakehouse.wire.types import Call, Params

_NOT_IN_XML = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


async def list_objects_v2(store: ObjectStore, call: Call, params: Params) -> Params:
    """A page of keys; the next is asked for with the token that this one ends with."""
    after = params.get("StartAfter", "")
    token = params.get("ContinuationToken")
    start = after if token is None else place_of(token)
    page = await asyncio.to_thread(_page, store, params, start)
    listed_by = owner(call.account_id) if params.get("FetchOwner") else None
    answer = _listing_to_response(page, params, listed_by)
    answer["KeyCount"] = len(page.objects) + len(page.common_prefixes)
    if token is not None:
        answer["ContinuationToken"] = token
    if "StartAfter" in params:
        answer["StartAfter"] = spelled(after, params)
    if page.next_after is not None:
        answer["NextContinuationToken"] = page_tokens.write(page.next_after)
    return answer


async def list_objects(store: ObjectStore, call: Call, params: Params) -> Params:
    """The older form: the next page is asked for with the last key or common prefix of this one."""
    marker = params.get("Marker", "")
    page = await asyncio.to_thread(_page, store, params, marker)
    answer = _listing_to_response(page, params, owner(call.account_id))
    answer["Marker"] = spelled(marker, params)
    if not _NOT_IN_XML.search(params.get("Prefix", "")):  # botocore decodes all but this here
        answer["Prefix"] = params.get("Prefix", "")
    if page.next_after is not None and "Delimiter" in params:
        answer["NextMarker"] = spelled(page.next_after, params)
    return answer


def _page(store: ObjectStore, params: Params, after: str) -> Listing:
    return store.listing(
        params["Bucket"],
        prefix=params.get("Prefix", ""),
        delimiter=params.get("Delimiter", ""),
        after=after,
        limit=page_size(params, "MaxKeys"),
    )


def _listing_to_response(page: Listing, params: Params, listed_by: Params | None) -> Params:
    answer: dict[str, Any] = {
        "Name": params["Bucket"],
        "Prefix": spelled(params.get("Prefix", ""), params),
        "MaxKeys": page_size(params, "MaxKeys"),
        "IsTruncated": page.next_after is not None,
    }
    if params.get("Delimiter"):
        answer["Delimiter"] = spelled(params["Delimiter"], params)
    if "EncodingType" in params:
        answer["EncodingType"] = params["EncodingType"]
    if page.objects:
        answer["Contents"] = [_object_to_response(i, params, listed_by) for i in page.objects]
    if page.common_prefixes:
        answer["CommonPrefixes"] = [{"Prefix": spelled(p, params)} for p in page.common_prefixes]
    return answer


def _object_to_response(info: ObjectInfo, params: Params, listed_by: Params | None) -> Params:
    answer: Params = {
        "Key": spelled(info.key, params),
        "LastModified": clock.to_second(info.modified),
        "ETag": f'"{info.etag}"',
        "Size": info.size_bytes,
        "StorageClass": info.storage_class,
    }
    if info.checksums:
        answer["ChecksumAlgorithm"] = list(info.checksums)
    return answer if listed_by is None else answer | {"Owner": listed_by}
