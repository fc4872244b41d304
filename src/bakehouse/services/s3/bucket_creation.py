"""CreateBucket with all that a request may set of the new bucket at once."""

from __future__ import annotations

from bakehouse.services.s3 import buckets
from bakehouse.services.s3.acl import grants_from_request
from bakehouse.services.s3.object_lock import lock_bucket
from bakehouse.services.s3.public_access import OWNERSHIP
from bakehouse.storage.objects import ObjectStore
from bakehouse.wire.types import Answer, AwsError, Call, Params

_OWNERSHIPS = ("BucketOwnerPreferred", "ObjectWriter", OWNERSHIP)


async def create_bucket(store: ObjectStore, call: Call, params: Params) -> Params | Answer:
    """Make a bucket, with the ACL, the ownership of objects and the lock that are asked for.

    Made again by its owner in us-east-1, which is no error, it has its ACL set anew.
    """
    grants = grants_from_request(params, call.account_id, of_bucket=True)
    ownership = params.get("ObjectOwnership")
    if ownership is not None and ownership not in _OWNERSHIPS:
        text = f"Invalid x-amz-object-ownership header: {ownership[:100]}"
        raise AwsError("InvalidArgument", text, 400)
    if ownership == OWNERSHIP and params.get("ACL", "private") != "private":
        text = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
        raise AwsError("InvalidBucketAclWithObjectOwnership", text, 400)
    answer = await buckets.create_bucket(store, call, params)
    bucket = params["Bucket"]
    acl = None if grants is None else {"grants": grants}
    if acl is not None or store.setting(bucket, "acl") is not None:
        await store.set_setting_async(bucket, "acl", acl)
    if ownership is not None:
        rules = {"Rules": [{"ObjectOwnership": ownership}]}
        await store.set_setting_async(bucket, "ownership", rules)
    if params.get("ObjectLockEnabledForBucket"):
        await lock_bucket(store, bucket)
    return answer
