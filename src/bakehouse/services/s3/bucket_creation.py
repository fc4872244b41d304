"""CreateBucket with all that a request may set of the new bucket at once."""

from __future__ import annotations

import asyncio

from bakehouse.faults import AlreadyExists
from bakehouse.services.s3.acl import check_owner_alone, grants_from_request
from bakehouse.services.s3.buckets import FIRST_REGION
from bakehouse.services.s3.object_lock import lock_bucket
from bakehouse.services.s3.public_access import OWNER_ENFORCED
from bakehouse.services.s3.setting_names import ACL, OWNERSHIP
from bakehouse.storage.objects import ObjectStore
from bakehouse.wire.types import AwsError, Call, Params

_OWNERSHIPS = ("BucketOwnerPreferred", "ObjectWriter", OWNER_ENFORCED)


async def create_bucket(store: ObjectStore, call: Call, params: Params) -> Params:
    """Make a bucket, with the ACL, the ownership of objects and the lock that are asked for.

    Made again by its owner in us-east-1, which is no error, it has its ACL set anew.
    """
    grants = grants_from_request(params, call.account_id, of_bucket=True)
    ownership = params.get("ObjectOwnership")
    if ownership is not None and ownership not in _OWNERSHIPS:
        text = f"Invalid x-amz-object-ownership header: {ownership[:100]}"
        raise AwsError("InvalidArgument", text, 400)
    if ownership == OWNER_ENFORCED:
        check_owner_alone(grants or [], call.account_id)
    await _create(store, call, params)
    bucket = params["Bucket"]
    acl = None if grants is None else {"grants": grants}
    if acl is not None or store.setting(bucket, ACL) is not None:
        await store.set_setting_async(bucket, ACL, acl)
    if ownership is not None:
        rules = {"Rules": [{"ObjectOwnership": ownership}]}
        await store.set_setting_async(bucket, OWNERSHIP, rules)
    if params.get("ObjectLockEnabledForBucket"):
        await lock_bucket(store, bucket)
    return {"Location": f"/{bucket}"}


async def _create(store: ObjectStore, call: Call, params: Params) -> None:
    """Make the bucket itself. In us-east-1 it is no error that the caller has it already."""
    region = _region_from(call, params)
    try:
        await asyncio.to_thread(store.create_bucket, params["Bucket"], region=region)
    except AlreadyExists:
        if region != FIRST_REGION:
            raise


def _region_from(call: Call, params: Params) -> str:
    """Where the bucket is to be: the region of the request, named again unless it is the first."""
    given = params.get("CreateBucketConfiguration", {}).get("LocationConstraint")
    if (given or FIRST_REGION) == call.region:
        return call.region
    text = (
        f"The {given or 'unspecified'} location constraint is incompatible for the region specific "
        f"endpoint this request was sent to."
    )
    raise AwsError("IllegalLocationConstraintException", text, 400)
