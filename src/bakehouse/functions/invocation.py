"""One invocation: what goes into a sandbox, what comes out, and AWS's words for how it can fail."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass

import orjson

PAYLOAD_BYTES = 6_291_456
"""The largest event of a synchronous invocation, as on AWS."""
RESPONSE_BYTES = PAYLOAD_BYTES + 100
"""The largest answer of a handler; AWS's own text names this figure."""

_UNHANDLED = "Unhandled"  # what every current runtime's failure is called
_PLAIN = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class Event:
    """What a sandbox is asked to do. ``client_context`` is JSON text, or None."""

    request_id: str
    payload: bytes
    function_arn: str
    trace_id: str
    client_context: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the runtime, or its end, made of an event. ``error`` is None when all went well.

    ``ends`` says that the process cannot go on; ``detail`` is a line for the function's log.
    """

    payload: bytes
    error: str | None = None
    ends: bool = False
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Invocation:
    """A finished invocation, for its caller.

    ``log_tail`` holds the last 4 KB of what it logged.
    """

    request_id: str
    payload: bytes
    function_error: str | None
    version: str
    log_tail: bytes
    trace_id: str


def succeeded(payload: bytes) -> Outcome:
    """The handler returned."""
    return Outcome(payload)


def failed(payload: bytes, *, ends: bool = False) -> Outcome:
    """The runtime reported an error; ``payload`` is its JSON, passed on untouched."""
    return Outcome(payload, _UNHANDLED, ends)


def timed_out(request_id: str, timeout_s: float, at: str) -> Outcome:
    """The handler took longer than its function may. ``at`` is ISO text, for the log."""
    text = f"Task timed out after {timeout_s:.2f} seconds"
    payload = _error("Sandbox.Timedout", f"RequestId: {request_id} Error: {text}")
    return Outcome(payload, _UNHANDLED, True, f"{at} {request_id} {text}\n\n")


def exited(request_id: str, status: int) -> Outcome:
    """The process ended by itself. ``status`` is as subprocess counts: -9 for SIGKILL."""
    if status == 0:
        reason = "Runtime exited without providing a reason"
    elif status > 0:
        reason = f"Runtime exited with error: exit status {status}"
    else:
        reason = f"Runtime exited with error: signal: {_signal_name(-status)}"
    text = f"RequestId: {request_id} Error: {reason}"
    payload = _error("Runtime.ExitError", text)
    return Outcome(payload, _UNHANDLED, True, f"{text}\nRuntime.ExitError\n")


def out_of_memory(request_id: str) -> Outcome:
    """The process took more memory than its function may and was killed."""
    return exited(request_id, -signal.SIGKILL)


def response_too_large() -> Outcome:
    """The handler returned more than an answer may hold."""
    text = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES} bytes)."
    payload = orjson.dumps({"errorMessage": text, "errorType": "Function.ResponseSizeTooLarge"})
    return Outcome(payload, _UNHANDLED)


def event_headers(event: Event, deadline_ms: int) -> list[tuple[str, str]]:
    """The headers of a Runtime API event. What could break out of a header is left away."""
    headers = [
        ("Content-Type", "application/json"),
        ("Lambda-Runtime-Aws-Request-Id", event.request_id),
        ("Lambda-Runtime-Deadline-Ms", str(deadline_ms)),
        ("Lambda-Runtime-Invoked-Function-Arn", event.function_arn),
        ("Lambda-Runtime-Trace-Id", event.trace_id),
        ("Lambda-Runtime-Client-Context", event.client_context or ""),
    ]
    return [(name, value) for name, value in headers if value and _PLAIN.fullmatch(value)]


def _error(kind: str, message: str) -> bytes:
    return orjson.dumps({"errorType": kind, "errorMessage": message})


def _signal_name(number: int) -> str:
    return (signal.strsignal(number) or f"signal {number}").lower()
