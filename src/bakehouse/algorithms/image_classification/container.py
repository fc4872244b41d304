"""A serving container's HTTP server: SageMaker's contract over one loaded model.

``GET /ping`` says that the model is loaded, ``POST /invocations`` answers one picture, and
``GET /execution-parameters`` tells batch transform how to ask. Source: "Use Your Own Inference Code
with Hosting Services" and "… with Batch Transform" in the developer guide.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import uvicorn

from bakehouse.algorithms.image_classification.hardware import usable_cores
from bakehouse.algorithms.image_classification.serving import ImageClassifier, load
from bakehouse.faults import ModelFailed

PORT = 8080
"""Where SageMaker asks."""
BODY_BYTES = 100 * 1024**2
"""The largest payload that batch transform may be told to send; endpoints send less."""
IMAGE_PIXELS = 40_000_000
_PAYLOAD_MB = 6
_PLAIN = "text/plain; charset=utf-8"

Reply = tuple[int, bytes, str]
"""Status, body and content type."""
_Receive = Callable[[], Awaitable[dict[str, Any]]]
_Send = Callable[[dict[str, Any]], Awaitable[None]]


class Container:
    """The ASGI callable.

    Args:
        model: answers, on as many threads as there are cores.
    """

    def __init__(self, model: ImageClassifier) -> None:
        self._model = model
        self._threads = ThreadPoolExecutor(usable_cores(), "inference")

    async def __call__(self, scope: dict[str, Any], receive: _Receive, send: _Send) -> None:
        """Answer one request."""
        status, body, content_type = await self._reply(scope, receive)
        headers = [
            (b"content-type", content_type.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _reply(self, scope: dict[str, Any], receive: _Receive) -> Reply:
        known = {
            "/ping": ("GET", self._ping),
            "/execution-parameters": ("GET", self._parameters),
            "/invocations": ("POST", self._invoke),
        }
        if scope["path"] not in known:
            return 404, f"There are {', '.join(known)}.".encode(), _PLAIN
        method, answer = known[scope["path"]]
        if scope["method"] != method:
            return 405, f"{scope['path']} takes {method}.".encode(), _PLAIN
        return await answer(scope, receive)

    async def _ping(self, scope: dict[str, Any], receive: _Receive) -> Reply:
        return 200, b"\n", _PLAIN

    async def _parameters(self, scope: dict[str, Any], receive: _Receive) -> Reply:
        told = {
            "MaxConcurrentTransforms": usable_cores(),
            "BatchStrategy": "SINGLE_RECORD",
            "MaxPayloadInMB": _PAYLOAD_MB,
        }
        return 200, json.dumps(told).encode(), "application/json"

    async def _invoke(self, scope: dict[str, Any], receive: _Receive) -> Reply:
        body = await _body(receive)
        if body is None:
            return 413, f"A body has at most {BODY_BYTES} bytes.".encode(), _PLAIN
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        kind = headers.get("content-type", "application/x-image")
        try:
            answer, answered_as = await asyncio.get_running_loop().run_in_executor(
                self._threads, self._model.predict, body, kind, headers.get("accept")
            )
        except ModelFailed as failure:
            return failure.status, failure.body.encode(), _PLAIN
        return 200, answer, answered_as


async def _body(receive: _Receive) -> bytes | None:
    """The whole body; None if it is too large."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > BODY_BYTES:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def serve(root: Path, host: str, port: int) -> None:
    """Serve the model in ``model`` under the root, until the process is asked to end.

    Raises:
        InvalidInput: there is no model, or none of ours.
    """
    container = Container(load(root / "model", IMAGE_PIXELS))
    uvicorn.run(
        container, host=host, port=port, lifespan="off", log_level="warning", access_log=False
    )
