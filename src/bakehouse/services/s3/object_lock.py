"""Object lock: versions that cannot be removed for a time, or until a hold is taken off.

Source: Amazon S3 User Guide, "Locking objects with Object Lock".
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from bakehouse import clock
from bakehouse.faults import AccessDenied
from bakehouse.services.s3.errors import invalid_request, malformed_xml
from bakehouse.services.s3.setting_names import OBJECT_LOCK
from bakehouse.storage.objects import VERSIONING, Expect, ObjectInfo, ObjectStore
from bakehouse.storage.records import Document
from bakehouse.wire.types import AwsError, Call, Operation, Params

_RETENTION, _HOLD = "retention", "legal-hold"
_PROTECTED = "Access Denied because object protected by object lock."
_MODES = ("GOVERNANCE", "COMPLIANCE")

CHECKED = frozenset({"PutObjectLockConfiguration", "PutObjectLegalHold", "PutObjectRetention"})
"""Operations whose bodies the door holds to the model's constraints."""


def operations(store: ObjectStore) -> dict[str, Operation]:
    """The operations on locks of buckets and of versions."""
    return {
        "PutObjectLockConfiguration": partial(_put_configuration, store),
        "GetObjectLockConfiguration": partial(_get_configuration, store),
        "PutObjectRetention": partial(_put_retention, store),
        "GetObjectRetention": partial(_get_retention, store),
        "PutObjectLegalHold": partial(_put_hold, store),
        "GetObjectLegalHold": partial(_get_hold, store),
    }


# Buckets


async def _put_configuration(store: ObjectStore, call: Call, params: Params) -> Params:
    configuration = params["ObjectLockConfiguration"]
    if "ObjectLockEnabled" not in configuration:
        raise malformed_xml()
    _check_default(configuration.get("Rule", {}).get("DefaultRetention"))
    versioning = store.setting(params["Bucket"], VERSIONING)
    if versioning is None or versioning["status"] != "Enabled":
        text = "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"
        raise AwsError("InvalidBucketState", text, 409)
    await store.set_setting_async(params["Bucket"], OBJECT_LOCK, configuration)
    return {}


async def _get_configuration(store: ObjectStore, call: Call, params: Params) -> Params:
    found = store.setting(params["Bucket"], OBJECT_LOCK)
    if found is None:
        text = "Object Lock configuration does not exist for this bucket"
        fields = {"BucketName": params["Bucket"]}
        raise AwsError("ObjectLockConfigurationNotFoundError", text, 404, fields)
    return {"ObjectLockConfiguration": found}


async def lock_bucket(store: ObjectStore, bucket: str) -> None:
    """Let the objects of a new bucket be locked; it keeps versions then, for good."""
    await store.set_setting_async(bucket, VERSIONING, {"status": "Enabled"})
    await store.set_setting_async(bucket, OBJECT_LOCK, {"ObjectLockEnabled": "Enabled"})


def check_versioning(store: ObjectStore, bucket: str, status: str) -> None:
    """Make sure that a bucket may have its versions suspended; raises ``AwsError``."""
    if status != "Enabled" and store.setting(bucket, OBJECT_LOCK) is not None:
        text = (
            "An Object Lock configuration is present on this bucket, so the versioning state "
            "cannot be changed."
        )
        raise AwsError("InvalidBucketState", text, 409)


def _check_default(default: Params | None) -> None:
    if default is None:
        return
    if "Mode" not in default or ("Days" in default) == ("Years" in default):
        raise malformed_xml()
    if min(default[unit] for unit in ("Days", "Years") if unit in default) < 1:
        text = "Default retention period must be a positive integer value."
        raise AwsError("InvalidRetentionPeriod", text, 400)


def _configured(store: ObjectStore, bucket: str) -> Document:
    found = store.setting(bucket, OBJECT_LOCK)
    if found is None:
        raise invalid_request("Bucket is missing Object Lock Configuration")
    return found


# Versions


def locks_at_write(store: ObjectStore, params: Params) -> dict[str, Document]:
    """The details of a new object: the locks that its writer asks for, or the bucket's default.

    Raises:
        AwsError: the bucket's objects cannot be locked, or they are no locks.
    """
    mode, until = params.get("ObjectLockMode"), params.get("ObjectLockRetainUntilDate")
    hold = params.get("ObjectLockLegalHoldStatus")
    if mode is None and until is None and hold is None:
        found = store.setting(params["Bucket"], OBJECT_LOCK)
        return {} if found is None else _by_default(found)
    configuration = _configured(store, params["Bucket"])
    details = _by_default(configuration)
    if (mode is None) != (until is None):
        text = (
            "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied"
        )
        raise AwsError("InvalidArgument", text, 400)
    if mode is not None and until is not None:
        if mode not in _MODES:
            raise AwsError("InvalidArgument", "Unknown wormMode directive.", 400)
        details[_RETENTION] = _retention(mode, until)
    if hold is not None:
        if hold not in ("ON", "OFF"):
            raise AwsError("InvalidArgument", "Legal Hold must be either of 'ON' or 'OFF'", 400)
        details[_HOLD] = {"status": hold}
    return details


def locks_to_response(info: ObjectInfo) -> Params:
    """The members of GetObject and HeadObject that tell of locks."""
    answer: Params = {}
    if retention := info.details.get(_RETENTION):
        answer["ObjectLockMode"] = retention["mode"]
        answer["ObjectLockRetainUntilDate"] = clock.from_epoch_ms(retention["until_ms"])
    if hold := info.details.get(_HOLD):
        answer["ObjectLockLegalHoldStatus"] = hold["status"]
    return answer


def protection(store: ObjectStore, params: Params) -> Expect | None:
    """What refuses the removal of a version that is locked; None where none can be.

    Raises:
        AccessDenied: when it is called, the version is locked.
    """
    if "VersionId" not in params or store.setting(params["Bucket"], OBJECT_LOCK) is None:
        return None
    may_bypass = bool(params.get("BypassGovernanceRetention"))

    def expect(found: ObjectInfo | None) -> None:
        details = {} if found is None else found.details
        is_held = details.get(_HOLD, {}).get("status") == "ON"
        mode = _active_mode(details.get(_RETENTION))
        if is_held or mode == "COMPLIANCE" or (mode == "GOVERNANCE" and not may_bypass):
            raise AccessDenied(_PROTECTED)

    return expect


async def _put_retention(store: ObjectStore, call: Call, params: Params) -> Params:
    _configured(store, params["Bucket"])
    given = params.get("Retention", {})
    if ("Mode" in given) != ("RetainUntilDate" in given):
        raise malformed_xml()
    wanted = _retention(given["Mode"], given["RetainUntilDate"]) if "Mode" in given else None
    may_bypass = bool(params.get("BypassGovernanceRetention"))

    def expect(found: ObjectInfo | None) -> None:
        current = None if found is None else found.details.get(_RETENTION)
        if not _may_become(current, wanted, may_bypass=may_bypass):
            raise AccessDenied(_PROTECTED)

    await _amend(store, params, {_RETENTION: wanted}, expect)
    return {}


async def _get_retention(store: ObjectStore, call: Call, params: Params) -> Params:
    found = _details(store, params).get(_RETENTION)
    if found is None:
        raise _no_lock()
    until = clock.from_epoch_ms(found["until_ms"])
    return {"Retention": {"Mode": found["mode"], "RetainUntilDate": until}}


async def _put_hold(store: ObjectStore, call: Call, params: Params) -> Params:
    _configured(store, params["Bucket"])
    given = params.get("LegalHold", {})
    if "Status" not in given:
        raise malformed_xml()
    await _amend(store, params, {_HOLD: {"status": given["Status"]}}, None)
    return {}


async def _get_hold(store: ObjectStore, call: Call, params: Params) -> Params:
    found = _details(store, params).get(_HOLD)
    if found is None:
        raise _no_lock()
    return {"LegalHold": {"Status": found["status"]}}


def _details(store: ObjectStore, params: Params) -> dict[str, Document]:
    _configured(store, params["Bucket"])
    return store.head(params["Bucket"], params["Key"], params.get("VersionId")).details


async def _amend(
    store: ObjectStore, params: Params, details: dict[str, Document | None], expect: Expect | None
) -> None:
    await store.amend_async(
        params["Bucket"],
        params["Key"],
        version_id=params.get("VersionId"),
        details=details,
        expect=expect,
    )


def _retention(mode: str, until: datetime) -> Document:
    if until <= clock.now():
        text = "The retain until date must be in the future!"
        raise AwsError("InvalidArgument", text, 400)
    return {"mode": mode, "until_ms": clock.to_epoch_ms(until)}


def _by_default(configuration: dict[str, Any]) -> dict[str, Document]:
    default = configuration.get("Rule", {}).get("DefaultRetention")
    if default is None:
        return {}
    days = default["Days"] if "Days" in default else 365 * default["Years"]
    return {_RETENTION: _retention(default["Mode"], clock.now() + timedelta(days=days))}


def _active_mode(retention: Document | None) -> str | None:
    """The mode of a retention that still holds."""
    if retention is None or retention["until_ms"] <= clock.epoch_ms():
        return None
    return str(retention["mode"])


def _may_become(current: Document | None, wanted: Document | None, *, may_bypass: bool) -> bool:
    """Whether a retention may be replaced: it may always become longer, in the same mode."""
    mode = _active_mode(current)
    if mode is None or current is None:
        return True
    is_longer = wanted is not None and wanted["until_ms"] >= current["until_ms"]
    if wanted is not None and is_longer and wanted["mode"] == mode:
        return True
    return mode == "GOVERNANCE" and may_bypass


def _no_lock() -> AwsError:
    text = "The specified object does not have a ObjectLock configuration"
    return AwsError("NoSuchObjectLockConfiguration", text, 404)
