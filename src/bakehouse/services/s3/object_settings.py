"""What is set of an object beside its bytes: its tags and its ACL, when it is written and after."""

from __future__ import annotations

from functools import partial

from bakehouse.services.s3.acl import (
    acl_of,
    acl_to_response,
    grants_from_request,
    required_grants,
)
from bakehouse.services.s3.object_lock import locks_at_write
from bakehouse.services.s3.public_access import check_acl_allowed
from bakehouse.services.s3.setting_names import ACL
from bakehouse.services.s3.tagging import tags_from, tags_to_response
from bakehouse.storage.objects import ObjectInfo, ObjectStore
from bakehouse.storage.records import Document
from bakehouse.wire.types import Answer, Call, Operation, Params

AT_WRITE = "(details)"
"""The parameter, which no request can have, under which a write finds what is set with it."""

CHECKED = frozenset({"PutObjectTagging"})
"""Operations whose bodies the door holds to the model's constraints."""
ROOTS = {
    "GetBucketAcl": "AccessControlPolicy",
    "GetObjectAcl": "AccessControlPolicy",
    "GetObjectTagging": "Tagging",
}
"""The outermost element of the answers."""

_ACL = "acl"
"""The name of an object's detail that holds its ACL."""


def operations(store: ObjectStore) -> dict[str, Operation]:
    """The operations on tags and ACLs of objects, and on ACLs of buckets."""
    return {
        "PutObjectTagging": partial(_put_tags, store),
        "GetObjectTagging": partial(_get_tags, store),
        "DeleteObjectTagging": partial(_delete_tags, store),
        "PutObjectAcl": partial(_put_object_acl, store),
        "GetObjectAcl": partial(_get_object_acl, store),
        "PutBucketAcl": partial(_put_bucket_acl, store),
        "GetBucketAcl": partial(_get_bucket_acl, store),
    }


def with_details(store: ObjectStore, write: Operation) -> Operation:
    """A write that also sets the ACL and the locks which its request names."""

    async def run(call: Call, params: Params) -> Params | Answer:
        details = locks_at_write(store, params)
        grants = grants_from_request(params, call.account_id, of_bucket=False)
        if grants is not None:
            check_acl_allowed(store, params["Bucket"], params, grants)
            details[_ACL] = {"grants": grants}
        return await write(call, {**params, AT_WRITE: details} if details else params)

    return run


async def _put_tags(store: ObjectStore, call: Call, params: Params) -> Params:
    tags = tags_from(params["Tagging"]["TagSet"])
    info = await store.amend_async(*_named(params), version_id=_version(params), tags=tags)
    return _version_told(store, info)


async def _get_tags(store: ObjectStore, call: Call, params: Params) -> Params:
    info = store.head(*_named(params), _version(params))
    return tags_to_response(info.tags) | _version_told(store, info)


async def _delete_tags(store: ObjectStore, call: Call, params: Params) -> Params:
    info = await store.amend_async(*_named(params), version_id=_version(params), tags={})
    return _version_told(store, info)


async def _put_object_acl(store: ObjectStore, call: Call, params: Params) -> Params:
    grants = required_grants(params, call.account_id, of_bucket=False)
    check_acl_allowed(store, params["Bucket"], params, grants)
    details: dict[str, Document | None] = {_ACL: {"grants": grants}}
    await store.amend_async(*_named(params), version_id=_version(params), details=details)
    return {}


async def _get_object_acl(store: ObjectStore, call: Call, params: Params) -> Params:
    info = store.head(*_named(params), _version(params))
    return acl_to_response(acl_of(info.details.get(_ACL), call.account_id), call.account_id)


async def _put_bucket_acl(store: ObjectStore, call: Call, params: Params) -> Params:
    grants = required_grants(params, call.account_id, of_bucket=True)
    check_acl_allowed(store, params["Bucket"], params, grants)
    await store.set_setting_async(params["Bucket"], ACL, {"grants": grants})
    return {}


async def _get_bucket_acl(store: ObjectStore, call: Call, params: Params) -> Params:
    stored = store.setting(params["Bucket"], ACL)
    return acl_to_response(acl_of(stored, call.account_id), call.account_id)


def _named(params: Params) -> tuple[str, str]:
    return params["Bucket"], params["Key"]


def _version(params: Params) -> str | None:
    version: str | None = params.get("VersionId")
    return version


def _version_told(store: ObjectStore, info: ObjectInfo) -> Params:
    told = store.version_told(info)
    return {} if told is None else {"VersionId": told}
