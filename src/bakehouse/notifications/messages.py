"""Changes of objects in the words of those who are told of them.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
"""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote_plus

from bakehouse import clock
from bakehouse.notifications.inputs import Event
from bakehouse.storage.object_info import Change

_HERE = "127.0.0.1"
_REASONS = {
    "ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "ObjectCreated:Copy": "CopyObject",
    "ObjectCreated:Post": "POST Object",
    "ObjectCreated:Put": "PutObject",
}
_DELETIONS = {
    "ObjectRemoved:Delete": "Permanently Deleted",
    "ObjectRemoved:DeleteMarkerCreated": "Delete Marker Created",
}


def record_of(change: Change, rule_id: str, *, account_id: str, region: str) -> dict[str, Any]:
    """What a function is invoked with: one record in S3's form 2.1."""
    told: dict[str, Any] = {"key": quote_plus(change.key, safe="/*-._")}
    if change.event not in _DELETIONS:
        told |= {"size": change.size_bytes, "eTag": change.etag}
    if change.version_id is not None:
        told["versionId"] = change.version_id
    told["sequencer"] = change.sequencer
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": region,
        "eventTime": clock.to_iso_ms(change.at),
        "eventName": change.event,
        "userIdentity": {"principalId": f"AWS:{account_id}"},
        "requestParameters": {"sourceIPAddress": _HERE},
        "responseElements": {"x-amz-request-id": change.sequencer, "x-amz-id-2": change.sequencer},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": rule_id,
            "bucket": {
                "name": change.bucket,
                "ownerIdentity": {"principalId": account_id},
                "arn": f"arn:aws:s3:::{change.bucket}",
            },
            "object": told,
        },
    }
    return {"Records": [record]}


def event_of(change: Change, *, account_id: str, region: str) -> Event:
    """The event ``Object Created`` or ``Object Deleted`` on the bus."""
    told: dict[str, Any] = {"key": change.key}
    if change.event not in _DELETIONS:
        told |= {"size": change.size_bytes, "etag": change.etag}
    if change.version_id is not None:
        told["version-id"] = change.version_id
    detail: dict[str, Any] = {
        "version": "0",
        "bucket": {"name": change.bucket},
        "object": told | {"sequencer": change.sequencer},
        "request-id": change.sequencer,
        "requester": account_id,
        "source-ip-address": _HERE,
        "reason": _REASONS.get(change.event, "DeleteObject"),
    }
    if change.event in _DELETIONS:
        detail["deletion-type"] = _DELETIONS[change.event]
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Object Deleted" if change.event in _DELETIONS else "Object Created",
        "source": "aws.s3",
        "account": account_id,
        "time": clock.to_iso(change.at),
        "region": region,
        "resources": [f"arn:aws:s3:::{change.bucket}"],
        "detail": detail,
    }
