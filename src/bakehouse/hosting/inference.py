"""The threads that models run on: a few, with a bounded queue before them.

ONNX Runtime and Pillow let go of the interpreter lock, so as many threads as cores use the machine.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
import traceback
from concurrent.futures import Future, ThreadPoolExecutor

from bakehouse.faults import ModelFailed
from bakehouse.hosting.types import Invocation, Overloaded, Predictor

ANSWER_S = 60.0
"""The longest that a model may take to answer, the wait for a thread included."""
WAITING = 256
"""The most invocations that run and wait at the same time, over all endpoints."""
WAITING_BYTES = 256 << 20
"""The most bytes that the bodies of those have together."""
OCTETS = "application/octet-stream"
"""What a body is that comes without a content type (RFC 9110, section 8.3)."""
_TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the "
    "latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
)

Answered = tuple[bytes, str, float]
"""Body, content type, and the seconds that the model took."""


class Inference:
    """Runs predictors. To be used in one event loop.

    Args:
        threads: how many models run at the same time; by default one for each core.
        answer_s: the longest that one may take.
    """

    def __init__(self, *, threads: int | None = None, answer_s: float = ANSWER_S) -> None:
        self._threads = ThreadPoolExecutor(threads or os.cpu_count() or 1, "inference")
        self._answer_s = answer_s
        self._lock = threading.Lock()
        self._waiting = self._waiting_bytes = 0

    async def predict(self, predictor: Predictor, asked: Invocation) -> Answered:
        """Have a model answer.

        Raises:
            ModelFailed: it did not, or not in time (status 0). A model that is late keeps its
                thread until it is done.
            Overloaded: too many wait already.
        """
        future = self._admit(predictor, asked)
        try:
            async with asyncio.timeout(self._answer_s):
                return await asyncio.wrap_future(future)
        except TimeoutError as late:
            raise ModelFailed(0, _TIMED_OUT) from late

    def close(self) -> None:
        """Take nothing more and forget what waits; what runs ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _admit(self, predictor: Predictor, asked: Invocation) -> Future[Answered]:
        size = len(asked.body)
        if self._waiting >= WAITING or self._waiting_bytes + size > WAITING_BYTES:
            raise Overloaded(f"{self._waiting} invocations wait already; try again later.")
        self._count(1, size)
        future = self._threads.submit(_timed, predictor, asked)
        future.add_done_callback(lambda _: self._count(-1, -size))
        return future

    def _count(self, invocations: int, size_bytes: int) -> None:
        with self._lock:
            self._waiting += invocations
            self._waiting_bytes += size_bytes


def _timed(predictor: Predictor, asked: Invocation) -> Answered:
    began = time.perf_counter()
    try:
        body, content_type = predictor.predict(
            asked.body, asked.content_type or OCTETS, asked.accept
        )
    except ModelFailed:
        raise
    except Exception as error:  # whatever a model's own code raises is its container's status 500
        detail = traceback.format_exception_only(error)[-1].strip()
        raise ModelFailed(500, detail) from error
    return body, content_type, time.perf_counter() - began
