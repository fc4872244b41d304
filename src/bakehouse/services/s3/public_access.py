"""What is open to everyone: a bucket's block of public access, and who comes without a signature.

Nobody comes in unsigned unless an ACL or a policy of the bucket says so in so many words, and no
block says otherwise.
"""

from __future__ import annotations

from bakehouse.faults import AccessDenied, NotFound
from bakehouse.services.s3.acl import Grants, acl_of, allows_everyone, is_public_acl
from bakehouse.services.s3.actions import action_of, resource_of
from bakehouse.services.s3.errors import invalid_request
from bakehouse.services.s3.policy import check_policy, verdict_for_everyone
from bakehouse.services.s3.setting_names import ACL, OWNERSHIP, POLICY, PUBLIC_ACCESS_BLOCK
from bakehouse.storage.objects import ObjectStore
from bakehouse.wire.types import AwsError, Params

BLOCK = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
"""The four switches of a block, in S3's order."""

OWNER_ENFORCED = "BucketOwnerEnforced"
"""The setting of a bucket's ownership under which it has no ACLs."""


def block_of(store: ObjectStore, bucket: str) -> dict[str, bool] | None:
    """A bucket's block of public access; None where it was taken away.

    A bucket of which nobody said anything has one that blocks nothing.
    """
    found = store.setting(bucket, PUBLIC_ACCESS_BLOCK)
    if found is None:
        return dict.fromkeys(BLOCK, False)
    return {name: found[name] for name in BLOCK} if found else None


def check_acl_allowed(store: ObjectStore, bucket: str, params: Params, grants: Grants) -> None:
    """Make sure that a bucket takes an ACL, for itself or for an object in it.

    Raises:
        AccessDenied: it is public, and the bucket blocks public ones.
        AwsError: the bucket has no ACLs.
    """
    if not _has_acls(store, bucket) and params.get("ACL") != "bucket-owner-full-control":
        raise AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs", 400)
    block = block_of(store, bucket) or {}
    if block.get("BlockPublicAcls") and is_public_acl(grants):
        raise AccessDenied("The bucket's public access block refuses public ACLs.")


def _has_acls(store: ObjectStore, bucket: str) -> bool:
    controls = store.setting(bucket, OWNERSHIP)
    return controls is None or controls["Rules"][0]["ObjectOwnership"] != OWNER_ENFORCED


_BUCKET_PERMISSIONS = {
    "DeleteObject": "WRITE",
    "GetBucketAcl": "READ_ACP",
    "HeadBucket": "READ",
    "ListMultipartUploads": "READ",
    "ListObjectVersions": "READ",
    "ListObjects": "READ",
    "ListObjectsV2": "READ",
    "PutObject": "WRITE",
}
_OBJECT_PERMISSIONS = {"GetObject": "READ", "GetObjectAcl": "READ_ACP", "HeadObject": "READ"}

UNSIGNED = frozenset(_BUCKET_PERMISSIONS | _OBJECT_PERMISSIONS)
"""The operations that can be open to everyone."""


def check_unsigned(store: ObjectStore, operation: str, params: Params) -> None:
    """Make sure that anyone may run an operation.

    Raises:
        AccessDenied: not without a signature.
        NotFound: there is no such bucket, or object in a bucket that anyone may list.
        AwsError: it asks for other headers of the answer.
    """
    bucket = params["Bucket"]
    store.bucket(bucket)
    block = block_of(store, bucket) or {}
    verdict = _verdict(store, operation, params)
    if verdict == "Deny" or _is_the_owners(operation, params):
        raise AccessDenied("Access Denied")
    if any(name.startswith("Response") for name in params):
        text = "Request specific response headers cannot be used for anonymous GET requests."
        raise invalid_request(text)
    if verdict == "Allow" and not block.get("RestrictPublicBuckets"):
        return
    if block.get("IgnorePublicAcls") or not _has_acls(store, bucket):
        raise AccessDenied("Access Denied")
    grants = acl_of(store.setting(bucket, ACL), "")
    wanted = _BUCKET_PERMISSIONS.get(operation)
    if wanted is None:
        wanted = _OBJECT_PERMISSIONS[operation]
        grants = _object_acl(store, params, may_list=allows_everyone(grants, "READ"))
    if not allows_everyone(grants, wanted):
        raise AccessDenied("Access Denied")


def _verdict(store: ObjectStore, operation: str, params: Params) -> str | None:
    """What the bucket's policy says to someone unknown."""
    found = store.setting(params["Bucket"], POLICY)
    if found is None:
        return None
    action, resource = action_of(operation, params), resource_of(params)
    return verdict_for_everyone(check_policy(found["text"]), action, resource)


def _is_the_owners(operation: str, params: Params) -> bool:
    """Whether only the owner may do it, whoever may write: remove what a version keeps."""
    return operation == "DeleteObject" and "VersionId" in params


def _object_acl(store: ObjectStore, params: Params, *, may_list: bool) -> Grants:
    try:
        info = store.head(params["Bucket"], params["Key"], params.get("VersionId"))
    except NotFound as missing:
        if may_list:
            raise
        raise AccessDenied("Access Denied") from missing
    return acl_of(info.details.get("acl"), "")
