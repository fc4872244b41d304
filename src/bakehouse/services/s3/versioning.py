"""Versions of objects: whether a bucket keeps them, and what there is of them."""

from __future__ import annotations

import asyncio
from typing import Any

from bakehouse import clock
from bakehouse.services.s3.buckets import owner
from bakehouse.services.s3.errors import invalid_argument, malformed_xml, not_implemented
from bakehouse.services.s3.object_lock import check_versioning
from bakehouse.services.s3.paging import page_size, spelled
from bakehouse.storage.objects import VERSIONING, ObjectStore, Version, VersionListing
from bakehouse.wire.types import Call, Params


async def put_bucket_versioning(store: ObjectStore, call: Call, params: Params) -> Params:
    """Begin to keep versions, or stop; those that there are stay."""
    configuration = params["VersioningConfiguration"]
    if "MFA" in params or configuration.get("MFADelete", "Disabled") != "Disabled":
        raise not_implemented("bakehouse has no multi-factor authentication, so no MFA delete.")
    status = configuration.get("Status")
    if status not in ("Enabled", "Suspended"):
        raise malformed_xml()
    check_versioning(store, params["Bucket"], status)
    await store.set_setting_async(params["Bucket"], VERSIONING, {"status": status})
    return {}


async def get_bucket_versioning(store: ObjectStore, call: Call, params: Params) -> Params:
    """Whether a bucket keeps versions; nothing where it never did."""
    setting = store.setting(params["Bucket"], VERSIONING)
    return {} if setting is None else {"Status": setting["status"]}


async def list_object_versions(store: ObjectStore, call: Call, params: Params) -> Params:
    """A page of versions and delete markers, by key and of one key the newest first."""
    if params.get("VersionIdMarker") and not params.get("KeyMarker"):
        text = "A version-id marker cannot be specified without a key marker."
        raise invalid_argument("version-id-marker", params["VersionIdMarker"], text)
    limit = page_size(params, "MaxKeys")
    page = await asyncio.to_thread(
        store.version_listing,
        params["Bucket"],
        prefix=params.get("Prefix", ""),
        delimiter=params.get("Delimiter", ""),
        after=(params.get("KeyMarker", ""), params.get("VersionIdMarker", "")),
        limit=limit,
    )
    return _head_of(params, limit) | _listing_to_response(page, params, call)


def _head_of(params: Params, limit: int) -> Params:
    answer: dict[str, Any] = {
        "Name": params["Bucket"],
        "Prefix": spelled(params.get("Prefix", ""), params),
        "KeyMarker": spelled(params.get("KeyMarker", ""), params),
        "VersionIdMarker": params.get("VersionIdMarker", ""),
        "MaxKeys": limit,
    }
    if params.get("Delimiter"):
        answer["Delimiter"] = spelled(params["Delimiter"], params)
    if "EncodingType" in params:
        answer["EncodingType"] = params["EncodingType"]
    return answer


def _listing_to_response(page: VersionListing, params: Params, call: Call) -> Params:
    answer: dict[str, Any] = {"IsTruncated": page.next_after is not None}
    if page.next_after is not None:
        key, version_id = page.next_after
        answer["NextKeyMarker"] = spelled(key, params)
        if version_id:
            answer["NextVersionIdMarker"] = version_id
    told = [(version, _version_to_response(version, params, call)) for version in page.versions]
    objects = [shown for version, shown in told if version.info is not None]
    markers = [shown for version, shown in told if version.info is None]
    if objects:
        answer["Versions"] = objects
    if markers:
        answer["DeleteMarkers"] = markers
    if page.common_prefixes:
        answer["CommonPrefixes"] = [{"Prefix": spelled(p, params)} for p in page.common_prefixes]
    return answer


def _version_to_response(version: Version, params: Params, call: Call) -> Params:
    answer: Params = {
        "Key": spelled(version.key, params),
        "VersionId": version.version_id,
        "IsLatest": version.is_latest,
        "LastModified": clock.to_second(version.modified),
        "Owner": owner(call.account_id),
    }
    info = version.info
    if info is None:
        return answer
    answer |= {
        "ETag": f'"{info.etag}"',
        "Size": info.size_bytes,
        "StorageClass": info.storage_class,
    }
    return answer | ({"ChecksumAlgorithm": list(info.checksums)} if info.checksums else {})
