"""ListObjects and ListObjectsV2: the keys of a bucket, in pages."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from bakehouse import clock
from bakehouse.services.s3.buckets import owner
from bakehouse.services.s3.paging import decode_token, encode_token, page_size
from bakehouse.storage.objects import Listing, ObjectInfo, ObjectStore
from bakehouse.wire.types import Call, Params


async def list_objects_v2(store: ObjectStore, call: Call, params: Params) -> Params:
    """A page of keys; the next is asked for with the token that this one ends with."""
    after = params.get("StartAfter", "")
    token = params.get("ContinuationToken")
    start = after if token is None else decode_token(token)
    page = await asyncio.to_thread(_page, store, params, start)
    listed_by = owner(call.account_id) if params.get("FetchOwner") else None
    answer = _listing_to_response(page, params, listed_by)
    answer["KeyCount"] = len(page.objects) + len(page.common_prefixes)
    if token is not None:
        answer["ContinuationToken"] = token
    if "StartAfter" in params:
        answer["StartAfter"] = _spelled(after, params)
    if page.next_after is not None:
        answer["NextContinuationToken"] = encode_token(page.next_after)
    return answer


async def list_objects(store: ObjectStore, call: Call, params: Params) -> Params:
    """The older form: the next page is asked for with the last key or common prefix of this one."""
    marker = params.get("Marker", "")
    page = await asyncio.to_thread(_page, store, params, marker)
    answer = _listing_to_response(page, params, owner(call.account_id))
    answer["Marker"] = _spelled(marker, params)
    if page.next_after is not None and "Delimiter" in params:
        answer["NextMarker"] = _spelled(page.next_after, params)
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
        "Prefix": _spelled(params.get("Prefix", ""), params),
        "MaxKeys": page_size(params, "MaxKeys"),
        "IsTruncated": page.next_after is not None,
    }
    if params.get("Delimiter"):
        answer["Delimiter"] = _spelled(params["Delimiter"], params)
    if "EncodingType" in params:
        answer["EncodingType"] = params["EncodingType"]
    if page.objects:
        answer["Contents"] = [_object_to_response(i, params, listed_by) for i in page.objects]
    if page.common_prefixes:
        answer["CommonPrefixes"] = [{"Prefix": _spelled(p, params)} for p in page.common_prefixes]
    return answer


def _object_to_response(info: ObjectInfo, params: Params, listed_by: Params | None) -> Params:
    answer: Params = {
        "Key": _spelled(info.key, params),
        "LastModified": clock.to_second(info.modified),
        "ETag": f'"{info.etag}"',
        "Size": info.size_bytes,
        "StorageClass": "STANDARD",
    }
    if info.checksums:
        answer["ChecksumAlgorithm"] = list(info.checksums)
    return answer if listed_by is None else answer | {"Owner": listed_by}


def _spelled(text: str, params: Params) -> str:
    """A key as the client wants it: percent-encoded where XML could not hold it otherwise."""
    return quote(text, safe="/") if params.get("EncodingType") == "url" else text
