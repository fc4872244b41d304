"""Removal of objects, of versions, and of many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from bakehouse import clock
from bakehouse.faults import Rejected
from bakehouse.services.s3.conditions import names_etag
from bakehouse.services.s3.denials import check_not_denied
from bakehouse.services.s3.errors import aws_error, malformed_xml, precondition_failed
from bakehouse.services.s3.object_lock import protection
from bakehouse.storage.objects import Expect, ObjectInfo, ObjectStore, Removed
from bakehouse.wire.types import AwsError, Call, Params

_MOST_DELETES = 1000
_CONDITIONS = {
    "IfMatch": "ETag",
    "IfMatchLastModifiedTime": "LastModifiedTime",
    "IfMatchSize": "Size",
}
"""Member of DeleteObject → the one of an entry of DeleteObjects that means the same."""


async def delete_object(store: ObjectStore, call: Call, params: Params) -> Params:
    """Remove an object or a version of one; it is no error that there is none."""
    conditions = {name: params[name] for name in _CONDITIONS if name in params}
    removed = await store.delete_async(
        params["Bucket"],
        params["Key"],
        version_id=params.get("VersionId"),
        expect=_both(_expectation(conditions), protection(store, params)),
    )
    answer = {} if removed.version_id is None else {"VersionId": removed.version_id}
    return answer | ({"DeleteMarker": True} if removed.is_marker else {})


async def delete_objects(store: ObjectStore, call: Call, params: Params) -> Params:
    """Remove up to 1,000 objects or versions; what fails of it is told one by one."""
    wanted = params["Delete"].get("Objects", [])
    if not 1 <= len(wanted) <= _MOST_DELETES:
        raise malformed_xml()
    store.bucket(params["Bucket"])
    told = await asyncio.gather(*(_delete_one(store, call, params, one) for one in wanted))
    removed = [answer for is_removed, answer in told if is_removed]
    failed = [answer for is_removed, answer in told if not is_removed]
    answer: Params = {}
    if removed and not params["Delete"].get("Quiet"):
        answer["Deleted"] = removed
    return answer | ({"Errors": failed} if failed else {})


async def _delete_one(
    store: ObjectStore, call: Call, params: Params, one: Params
) -> tuple[bool, Params]:
    conditions = {name: one[short] for name, short in _CONDITIONS.items() if short in one}
    version_id = one.get("VersionId")
    try:
        check_not_denied(store, "DeleteObject", call, {"Bucket": params["Bucket"], **one})
        removed = await store.delete_async(
            params["Bucket"],
            one["Key"],
            version_id=version_id,
            expect=_both(_expectation(conditions), protection(store, params | one)),
        )
    except (Rejected, AwsError) as fault:
        error = aws_error(fault) if isinstance(fault, Rejected) else fault
        named = {"Key": one["Key"]} | ({} if version_id is None else {"VersionId": version_id})
        return False, named | {"Code": error.code, "Message": error.message}
    return True, _removed_to_response(removed, version_id)


def _removed_to_response(removed: Removed, asked: str | None) -> Params:
    answer: Params = {"Key": removed.key}
    if asked is not None:
        answer["VersionId"] = asked
    if removed.is_marker:
        answer |= {"DeleteMarker": True, "DeleteMarkerVersionId": removed.version_id}
    return answer


def _both(first: Expect | None, second: Expect | None) -> Expect | None:
    if first is None or second is None:
        return first or second

    def expect(found: ObjectInfo | None) -> None:
        first(found)
        second(found)

    return expect


def _expectation(conditions: Mapping[str, object]) -> Expect | None:
    """What a conditional removal expects to find; a delete marker only has that it is there."""
    if not conditions:
        return None

    def expect(found: ObjectInfo | None) -> None:
        for name, wanted in conditions.items():
            if not _holds(name, wanted, found):
                raise precondition_failed(name)

    return expect


def _holds(name: str, wanted: object, found: ObjectInfo | None) -> bool:
    if found is None:
        return name == "IfMatch" and wanted == "*"
    match name:
        case "IfMatch":
            return names_etag(str(wanted), found.etag)
        case "IfMatchSize":
            return wanted == found.size_bytes
        case _:
            return wanted == clock.to_second(found.modified)
