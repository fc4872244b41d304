"""What web pages need of S3: the question whether they may ask, and forms that upload."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from bakehouse.faults import Rejected
from bakehouse.services.s3.cors import cors_headers, preflight_headers
from bakehouse.services.s3.forms import Forms
from bakehouse.services.s3.setting_names import CORS
from bakehouse.storage.objects import ObjectStore
from bakehouse.wire.types import Around, AwsError, Doorway, Request, Response


def around(store: ObjectStore, forms: Forms) -> Around:
    """What stands around all of S3's operations."""

    async def run(request: Request, door: Doorway) -> Response:
        if request.method == "OPTIONS":
            return _preflight(store, request, door)
        response = await (
            forms.answer(request, door) if forms.takes(request) else door.answer(request)
        )
        if "origin" not in request.headers:
            return response
        given = cors_headers(_rules(store, request), request.method, request.headers)
        return replace(response, headers={**response.headers, **given})

    return run


def _preflight(store: ObjectStore, request: Request, door: Doorway) -> Response:
    try:
        return Response(200, preflight_headers(_rules(store, request), request.headers))
    except AwsError as error:
        return door.refuse(request, error)


def _rules(store: ObjectStore, request: Request) -> list[dict[str, Any]]:
    """The rules of the bucket that a path names; none where there is no such bucket."""
    bucket = unquote(request.path.lstrip("/").partition("/")[0])
    try:
        found = store.setting(bucket, CORS)
    except Rejected:
        return []
    return [] if found is None else list(found["CORSRules"])
