"""Operations on buckets that there are."""

from __future__ import annotations

import hashlib

from bakehouse import clock
from bakehouse.services import page_tokens
from bakehouse.services.s3.paging import page_size, place_of
from bakehouse.storage.objects import Bucket, ObjectStore
from bakehouse.wire.types import Answer, Call, Params

FIRST_REGION = "us-east-1"
"""The region that S3 has no name for in answers, and where a bucket may be made again."""
_LOCATION = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">%s</LocationConstraint>'
)


async def head_bucket(store: ObjectStore, call: Call, params: Params) -> Params:
    """Whether there is such a bucket, and where."""
    return {"BucketRegion": store.bucket(params["Bucket"]).region}


async def get_bucket_location(store: ObjectStore, call: Call, params: Params) -> Answer:
    """The region of a bucket; S3 has no name for its first one here.

    The model has the region in an element of the answer; S3 has it as the text of the outermost
    one, which is what clients read.
    """
    region = store.bucket(params["Bucket"]).region
    told = "" if region == FIRST_REGION else region
    return Answer({"LocationConstraint": told} if told else {}, body=_LOCATION % told.encode())


async def list_buckets(store: ObjectStore, call: Call, params: Params) -> Params:
    """The buckets, by name, in pages if the caller wants them so."""
    prefix, limit = params.get("Prefix", ""), page_size(params, "MaxBuckets", 10_000)
    after = place_of(params["ContinuationToken"]) if "ContinuationToken" in params else ""
    found = _first(store, prefix, params.get("BucketRegion"), after, limit + 1)
    page = found[:limit]
    answer: Params = {
        "Buckets": [_bucket_to_response(bucket) for bucket in page],
        "Owner": owner(call.account_id),
    }
    if "Prefix" in params:
        answer["Prefix"] = prefix
    if len(found) > limit:
        answer["ContinuationToken"] = page_tokens.write(page[-1].name)
    return answer


def owner(account_id: str) -> Params:
    """The account as S3 writes owners: its name, and a canonical user id of 64 hex digits."""
    return {"DisplayName": account_id, "ID": hashlib.sha256(account_id.encode()).hexdigest()}


def _first(
    store: ObjectStore, prefix: str, region: str | None, after: str, limit: int
) -> list[Bucket]:
    """The first buckets after a name, of one region or of all."""
    found: list[Bucket] = []
    while len(found) < limit:
        page = store.buckets(prefix=prefix, after=after, limit=limit)
        found += [bucket for bucket in page if region in (None, bucket.region)]
        if len(page) < limit:
            break
        after = page[-1].name
    return found[:limit]


def _bucket_to_response(bucket: Bucket) -> Params:
    created = clock.to_second(bucket.created)
    return {"Name": bucket.name, "CreationDate": created, "BucketRegion": bucket.region}
