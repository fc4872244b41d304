"""What is set of a bucket as a whole: written, read and taken away by one sub-resource each.

Most of it is a document that is checked, kept and given back. Where bakehouse would not do what a
configuration says, it is refused by its name; reading it says, as on S3, that there is none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bakehouse.faults import AccessDenied
from bakehouse.services.s3.acl import acl_of, check_owner_alone, is_public_acl
from bakehouse.services.s3.cors import check_cors
from bakehouse.services.s3.errors import malformed_xml, not_implemented
from bakehouse.services.s3.lifecycle import check_lifecycle, dated
from bakehouse.services.s3.policy import check_policy, is_public_policy
from bakehouse.services.s3.public_access import BLOCK, OWNER_ENFORCED, block_of
from bakehouse.services.s3.setting_names import (
    ACL,
    CORS,
    ENCRYPTION,
    LIFECYCLE,
    OWNERSHIP,
    POLICY,
    PUBLIC_ACCESS_BLOCK,
    TAGGING,
)
from bakehouse.services.s3.tagging import check_bucket_tags
from bakehouse.storage.objects import ObjectStore
from bakehouse.storage.records import Document
from bakehouse.wire.types import Answer, AwsError, Call, Operation, Params


def _anything(configuration: Params) -> None:
    """Nothing to check beyond the model's own constraints."""


def _as_it_is(configuration: Params) -> Params:
    return configuration


@dataclass(frozen=True, slots=True)
class _Kind:
    """One configuration: under which names it travels, and how it is told that there is none."""

    setting: str
    """The name of the bucket's setting in which it is kept."""
    member: str
    """The member of the request that holds it."""
    missing: tuple[str, str] | Params
    """Code and text of a 404, or the answer where there always is one."""
    check: Callable[[Params], None] = _anything
    restore: Callable[[Params], Params] = _as_it_is
    """From the stored document back to what was written."""
    is_payload: bool = False
    """The answer holds it under ``member``, instead of being it."""


def _check_encryption(configuration: Params) -> None:
    rules = configuration["Rules"]
    if len(rules) != 1:
        raise malformed_xml()
    default = rules[0].get("ApplyServerSideEncryptionByDefault", {})
    if "KMSMasterKeyID" in default and not default["SSEAlgorithm"].startswith("aws:kms"):
        text = "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms"
        raise AwsError("InvalidArgument", text, 400)


def _check_ownership(controls: Params) -> None:
    if len(controls["Rules"]) != 1:
        raise malformed_xml()


def _check_logging(status: Params) -> None:
    if status.get("LoggingEnabled"):
        raise not_implemented("bakehouse does not write access logs (LoggingEnabled).")


_KINDS = {
    "BucketAccelerateConfiguration": _Kind("accelerate", "AccelerateConfiguration", {}),
    "BucketCors": _Kind(
        CORS,
        "CORSConfiguration",
        ("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
        check_cors,
    ),
    "BucketEncryption": _Kind(
        ENCRYPTION,
        "ServerSideEncryptionConfiguration",
        (
            "ServerSideEncryptionConfigurationNotFoundError",
            "The server side encryption configuration was not found",
        ),
        _check_encryption,
        is_payload=True,
    ),
    "BucketLifecycleConfiguration": _Kind(
        LIFECYCLE,
        "LifecycleConfiguration",
        ("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
        check_lifecycle,
        dated,
    ),
    "BucketLogging": _Kind("logging", "BucketLoggingStatus", {}, _check_logging),
    "BucketOwnershipControls": _Kind(
        OWNERSHIP,
        "OwnershipControls",
        ("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
        _check_ownership,
        is_payload=True,
    ),
    "BucketRequestPayment": _Kind(
        "payment", "RequestPaymentConfiguration", {"Payer": "BucketOwner"}
    ),
    "BucketTagging": _Kind(
        TAGGING, "Tagging", ("NoSuchTagSet", "The TagSet does not exist"), check_bucket_tags
    ),
}
"""What follows ``Put`` and ``Get`` in the operations' names → the configuration."""

_DELETIONS = {
    "DeleteBucketCors": CORS,
    "DeleteBucketEncryption": ENCRYPTION,
    "DeleteBucketLifecycle": LIFECYCLE,
    "DeleteBucketOwnershipControls": OWNERSHIP,
    "DeleteBucketPolicy": POLICY,
    "DeleteBucketTagging": TAGGING,
}
"""Operation → the setting that it takes away."""

_ABSENT = {
    "BucketAnalyticsConfiguration": (
        "NoSuchConfiguration",
        "The specified configuration does not exist.",
    ),
    "BucketIntelligentTieringConfiguration": (
        "NoSuchConfiguration",
        "The specified configuration does not exist.",
    ),
    "BucketInventoryConfiguration": (
        "NoSuchConfiguration",
        "The specified configuration does not exist.",
    ),
    "BucketMetricsConfiguration": (
        "NoSuchConfiguration",
        "The specified configuration does not exist.",
    ),
    "BucketReplication": (
        "ReplicationConfigurationNotFoundError",
        "The replication configuration was not found",
    ),
    "BucketWebsite": (
        "NoSuchWebsiteConfiguration",
        "The specified bucket does not have a website configuration",
    ),
}
"""What cannot be written here; so reading finds none and there is nothing to take away."""

CHECKED = frozenset({f"Put{name}" for name in _KINDS} | {"PutPublicAccessBlock"})
"""Operations whose bodies the door holds to the model's constraints."""

ROOTS = {
    "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
    "GetBucketCors": "CORSConfiguration",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLogging": "BucketLoggingStatus",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketTagging": "Tagging",
}
"""The outermost element of the answers."""


def operations(store: ObjectStore) -> dict[str, Operation]:
    """The operations on configurations of buckets."""
    made: dict[str, Operation] = {
        "PutPublicAccessBlock": partial(_put_block, store),
        "GetPublicAccessBlock": partial(_get_block, store),
        "DeletePublicAccessBlock": partial(_delete_block, store),
        "PutBucketPolicy": partial(_put_policy, store),
        "GetBucketPolicy": partial(_get_policy, store),
        "GetBucketPolicyStatus": partial(_get_policy_status, store),
    }
    for name, kind in _KINDS.items():
        made[f"Put{name}"] = partial(_put, store, kind)
        made[f"Get{name}"] = partial(_get, store, kind)
    made["PutBucketOwnershipControls"] = partial(_put_ownership, store)
    for name, setting in _DELETIONS.items():
        made[name] = partial(_delete, store, setting)
    for name, told in _ABSENT.items():
        made[f"Get{name}"] = partial(_find_none, store, told)
        made[f"Delete{name}"] = partial(_delete_none, store)
    return made


async def _put(store: ObjectStore, kind: _Kind, call: Call, params: Params) -> Params | Answer:
    configuration = params[kind.member]
    kind.check(configuration)
    await store.set_setting_async(params["Bucket"], kind.setting, configuration)
    return Answer({}, 204) if kind.setting == TAGGING else {}


async def _put_ownership(store: ObjectStore, call: Call, params: Params) -> Params | Answer:
    rules = params["OwnershipControls"]["Rules"]
    if any(rule["ObjectOwnership"] == OWNER_ENFORCED for rule in rules):
        grants = acl_of(store.setting(params["Bucket"], ACL), call.account_id)
        check_owner_alone(grants, call.account_id)
    return await _put(store, _KINDS["BucketOwnershipControls"], call, params)


async def _get(store: ObjectStore, kind: _Kind, call: Call, params: Params) -> Params:
    found = store.setting(params["Bucket"], kind.setting)
    if found is not None:
        configuration = kind.restore(found)
        return {kind.member: configuration} if kind.is_payload else configuration
    if isinstance(kind.missing, dict):
        return dict(kind.missing)
    raise _none(params["Bucket"], *kind.missing)


async def _delete(store: ObjectStore, setting: str, call: Call, params: Params) -> Params:
    await store.set_setting_async(params["Bucket"], setting, None)
    return {}


async def _find_none(
    store: ObjectStore, told: tuple[str, str], call: Call, params: Params
) -> Params:
    store.bucket(params["Bucket"])
    raise _none(params["Bucket"], *told)


async def _delete_none(store: ObjectStore, call: Call, params: Params) -> Params:
    store.bucket(params["Bucket"])
    return {}


async def _put_block(store: ObjectStore, call: Call, params: Params) -> Params:
    given = params["PublicAccessBlockConfiguration"]
    block = {name: given.get(name, False) for name in BLOCK}
    await store.set_setting_async(params["Bucket"], PUBLIC_ACCESS_BLOCK, block)
    return {}


async def _get_block(store: ObjectStore, call: Call, params: Params) -> Params:
    block = block_of(store, params["Bucket"])
    if block is None:
        text = "The public access block configuration was not found"
        raise _none(params["Bucket"], "NoSuchPublicAccessBlockConfiguration", text)
    return {"PublicAccessBlockConfiguration": block}


async def _delete_block(store: ObjectStore, call: Call, params: Params) -> Params:
    """Take the block away; that it was is kept, for a bucket that was never asked has one."""
    await store.set_setting_async(params["Bucket"], PUBLIC_ACCESS_BLOCK, {})
    return {}


async def _put_policy(store: ObjectStore, call: Call, params: Params) -> Answer:
    policy = check_policy(params.get("Policy", ""))
    block = block_of(store, params["Bucket"]) or {}
    if block.get("BlockPublicPolicy") and is_public_policy(policy):
        raise AccessDenied("The bucket's public access block refuses public policies.")
    document: Document = {"text": params["Policy"]}
    await store.set_setting_async(params["Bucket"], POLICY, document)
    return Answer({}, 204)


async def _get_policy(store: ObjectStore, call: Call, params: Params) -> Params:
    found = store.setting(params["Bucket"], POLICY)
    if found is None:
        text = "The bucket policy does not exist"
        raise _none(params["Bucket"], "NoSuchBucketPolicy", text)
    return {"Policy": found["text"]}


async def _get_policy_status(store: ObjectStore, call: Call, params: Params) -> Params:
    found = store.setting(params["Bucket"], POLICY)
    grants = acl_of(store.setting(params["Bucket"], ACL), call.account_id)
    is_public = is_public_acl(grants) or (
        found is not None and is_public_policy(check_policy(found["text"]))
    )
    return {"PolicyStatus": {"IsPublic": is_public}}


def _none(bucket: str, code: str, text: str) -> AwsError:
    return AwsError(code, text, 404, {"BucketName": bucket})
