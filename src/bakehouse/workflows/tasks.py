"""What tasks call: Lambda functions, by their own ARN or through ``lambda:invoke``."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from bakehouse.faults import CallRefused, Fault
from bakehouse.states.json_text import NotJson, is_too_large, parse, to_text
from bakehouse.states.position import RunTask, TaskFailed, TaskSucceeded

RunOperation = Callable[[str, str, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Runs one of our own operations: botocore's service name, the operation, its parameters.

It gives the botocore-shaped answer, or raises ``CallRefused``.
"""

_PASSED_ON = ("FunctionName", "InvocationType", "Qualifier", "ClientContext", "LogType")


async def run_task(call: RunOperation, task: RunTask) -> TaskSucceeded | TaskFailed:
    """Call what a task names; failures of whatever kind are the task's result."""
    try:
        if task.resource.kind == "function":
            return await _run_function(call, task)
        return await _run_invoke(call, task)
    except CallRefused as refused:
        return _refusal(refused)
    except Fault as fault:
        return TaskFailed("Lambda.SdkClientException", fault.message)


async def _run_function(call: RunOperation, task: RunTask) -> TaskSucceeded | TaskFailed:
    """A function named by its own ARN gets the state's input; its bare answer is the result."""
    params = {"FunctionName": task.resource.arn, "Payload": task.text.encode()}
    answer = await call("lambda", "Invoke", params)
    payload = _payload(answer)
    if answer.get("FunctionError"):
        return _function_error(payload, payload.decode(errors="replace"))
    return _result(payload, lambda value: value)


async def _run_invoke(call: RunOperation, task: RunTask) -> TaskSucceeded | TaskFailed:
    """``lambda:invoke`` makes the call that its parameters describe and wraps the answer."""
    given = parse(task.text)
    params = {name: given[name] for name in _PASSED_ON if name in given}
    for name, value in params.items():
        if not isinstance(value, str):
            return TaskFailed("States.Runtime", f"The parameter '{name}' is not a string.")
    if given.get("Payload") is not None:
        params["Payload"] = _body(given["Payload"])
    answer = await call("lambda", "Invoke", params)
    payload = _payload(answer)
    if answer.get("FunctionError"):
        return _function_error(payload, None)
    return _result(payload, lambda value: _wrapped(answer, value, payload))


def _body(payload: Any) -> bytes:
    """A payload that is a text is the body itself; anything else is written as JSON."""
    return (payload if isinstance(payload, str) else to_text(payload)).encode()


def _payload(answer: dict[str, Any]) -> bytes:
    payload = answer.get("Payload", b"")
    return payload if isinstance(payload, bytes) else payload.read()


def _result(payload: bytes, shape: Callable[[Any], Any]) -> TaskSucceeded | TaskFailed:
    if is_too_large(payload.decode(errors="replace")):
        # The interpreter says so in AWS's words; what the text says does not matter any more.
        return TaskSucceeded(payload.decode(errors="replace"), None)
    try:
        value = shape(parse(payload) if payload else "")
        return TaskSucceeded(to_text(value), value)
    except NotJson as error:
        return TaskFailed("States.Runtime", f"The function's answer is not valid JSON: {error}.")


def _function_error(payload: bytes, cause: str | None) -> TaskFailed:
    """The handler's error: its type is the error's name, the whole payload its cause."""
    try:
        value = parse(payload)
    except NotJson:
        return TaskFailed("Lambda.Unknown", payload.decode(errors="replace"))
    kind = value.get("errorType") if isinstance(value, dict) else None
    error = kind if isinstance(kind, str) and kind else "Lambda.Unknown"
    return TaskFailed(error, to_text(value) if cause is None else cause)


def _refusal(refused: CallRefused) -> TaskFailed:
    return TaskFailed(
        f"Lambda.{refused.code}",
        f"{refused.reason} (Service: AWSLambda; Status Code: {refused.status}; "
        f"Error Code: {refused.code}; Request ID: {refused.request_id}; Proxy: null)",
    )


def _wrapped(answer: dict[str, Any], value: Any, payload: bytes) -> dict[str, Any]:
    """What ``lambda:invoke`` makes of an answer: the payload among the answer's metadata."""
    status = answer.get("StatusCode", 200)
    request_id = answer.get("ResponseMetadata", {}).get("RequestId") or str(uuid.uuid4())
    headers = {
        "Connection": "keep-alive",
        "Content-Length": str(len(payload)),
        "Content-Type": "application/json",
        "x-amzn-Remapped-Content-Length": "0",
        "x-amzn-RequestId": request_id,
    }
    members: dict[str, Any] = {}
    if "ExecutedVersion" in answer:
        members["ExecutedVersion"] = answer["ExecutedVersion"]
        headers["X-Amz-Executed-Version"] = answer["ExecutedVersion"]
    if "LogResult" in answer:
        members["LogResult"] = answer["LogResult"]
        headers["X-Amz-Log-Result"] = answer["LogResult"]
    return {
        **members,
        "Payload": value,
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [text] for name, text in headers.items()},
            "HttpHeaders": headers,
            "HttpStatusCode": status,
        },
        "SdkResponseMetadata": {"RequestId": request_id},
        "StatusCode": status,
    }
