"""Buckets in host names: ``bucket.localhost`` and ``bucket.s3.us-east-1.amazonaws.com``.

Source: Amazon S3 User Guide, "Virtual hosting of buckets". A bucket's name has three characters or
more, so ``s3`` before a domain is the service and never a bucket.
"""

from __future__ import annotations

import functools
import re
from dataclasses import replace

from bakehouse.wire.types import Request

_AMAZON = re.compile(
    r"(?P<bucket>.+)\.s3([.-](dualstack\.)?[a-z0-9-]+)?\.amazonaws\.com(\.cn)?", re.IGNORECASE
)
_LOCAL = re.compile(
    r"(?P<bucket>.+?)(\.s3)?\."
    r"(localhost|[^.]+\.local|localhost\.localstack\.cloud|"
    r"(\d{1,3}[.-]){3}\d{1,3}\.(nip\.io|sslip\.io))",
    re.IGNORECASE,
)
_SHORTEST = 3


def in_path(request: Request) -> Request:
    """The request with the bucket of its host's name in its path; others are as they were."""
    bucket = bucket_in(request.headers.get("host", ""))
    if bucket is None:
        return request
    path = f"/{bucket}" if request.path == "/" else f"/{bucket}{request.path}"
    return replace(request, path=path, sent=request.sent or request)


@functools.lru_cache(maxsize=1024)
def bucket_in(host: str) -> str | None:
    """The bucket that a ``Host`` header names, or None."""
    name = re.sub(r":\d*$", "", host)
    found = _AMAZON.fullmatch(name) or _LOCAL.fullmatch(name)
    if found is None or len(found["bucket"]) < _SHORTEST:
        return None
    return found["bucket"]
