"""Lambda's door: functions are defined, changed and invoked here."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

from bakehouse.faults import InvalidInput
from bakehouse.functions.definition import LATEST, spoken_name
from bakehouse.functions.functions import Functions
from bakehouse.functions.invocation import Invocation
from bakehouse.services.lambda_ import permissions, unset
from bakehouse.services.lambda_.errors import aws_error
from bakehouse.services.lambda_.shapes import (
    changes_from_request,
    code_from_request,
    draft_from_request,
    function_to_response,
)
from bakehouse.wire.types import Answer, Call, Params, Service

__all__ = ["aws_error", "service"]

_PAGE = 50  # AWS never gives more functions at once
_CONTEXT_BYTES = 3583
_CHUNK_BYTES = 1 << 20


def service(functions: Functions) -> Service:
    """The service ``lambda`` over the functions of a server."""
    return Service(
        name="lambda",
        signing_name="lambda",
        operations={name: partial(run, functions) for name, run in _OPERATIONS.items()},
        aws_error=aws_error,
        broken_code="ServiceException",
    )


async def _create_function(functions: Functions, call: Call, params: Params) -> Params:
    draft = draft_from_request(params)
    function = await functions.create(draft, code_from_request("Code", params["Code"]))
    return function_to_response(function, functions.arn(function.name))


async def _get_function(functions: Functions, call: Call, params: Params) -> Params:
    name, qualifier = spoken_name(params["FunctionName"], params.get("Qualifier"))
    function = functions.get(name, qualifier)
    answer: Params = {
        "Configuration": function_to_response(function, functions.arn(name, qualifier)),
        "Code": {"RepositoryType": "S3"},
    }
    if function.tags:
        answer["Tags"] = dict(function.tags)
    return answer


async def _get_function_configuration(functions: Functions, call: Call, params: Params) -> Params:
    name, qualifier = spoken_name(params["FunctionName"], params.get("Qualifier"))
    return function_to_response(functions.get(name, qualifier), functions.arn(name, qualifier))


async def _list_functions(functions: Functions, call: Call, params: Params) -> Params:
    limit = min(params.get("MaxItems", _PAGE), _PAGE)
    found = functions.scan(after=params.get("Marker", ""), limit=limit + 1)
    answer: Params = {
        "Functions": [
            function_to_response(function, functions.arn(function.name))
            for function in found[:limit]
        ]
    }
    if len(found) > limit:
        answer["NextMarker"] = found[limit - 1].name
    return answer


async def _update_function_code(functions: Functions, call: Call, params: Params) -> Params:
    name, _ = spoken_name(params["FunctionName"])
    if params.get("DryRun"):
        raise InvalidInput("DryRun", True, "false: bakehouse does not try updates yet")
    source = code_from_request("", params)
    function = await functions.update_code(name, source, revision=params.get("RevisionId"))
    return function_to_response(function, functions.arn(name))


async def _update_function_configuration(
    functions: Functions, call: Call, params: Params
) -> Params:
    name, _ = spoken_name(params["FunctionName"])
    function = await functions.update_configuration(
        name, changes_from_request(params), revision=params.get("RevisionId")
    )
    return function_to_response(function, functions.arn(name))


async def _delete_function(functions: Functions, call: Call, params: Params) -> Answer:
    name, qualifier = spoken_name(params["FunctionName"], params.get("Qualifier"))
    if qualifier == LATEST:
        text = "$LATEST version cannot be deleted without deleting the function."
        raise InvalidInput("Qualifier", qualifier, "none", text)
    await functions.delete(name, qualifier)
    return Answer({}, status=204)


async def _invoke(functions: Functions, call: Call, params: Params) -> Answer:
    name, qualifier = spoken_name(params["FunctionName"], params.get("Qualifier"))
    payload: bytes = params.get("Payload", b"")
    kind = params.get("InvocationType", "RequestResponse")
    if kind == "DryRun":
        functions.accept(name, payload, qualifier=qualifier)
        return Answer({"StatusCode": 204}, status=204)
    chosen: dict[str, Any] = {
        "qualifier": qualifier,
        "request_id": call.request_id,
        "client_context": _client_context(params.get("ClientContext")),
    }
    if kind == "Event":
        await functions.invoke_later(name, payload, **chosen)
        return Answer({"StatusCode": 202}, status=202)
    done = await functions.invoke(name, payload, **chosen)
    return _invocation_to_response(done, is_tail_wanted=params.get("LogType") == "Tail")


async def _invoke_with_response_stream(functions: Functions, call: Call, params: Params) -> Answer:
    name, qualifier = spoken_name(params["FunctionName"], params.get("Qualifier"))
    payload: bytes = params.get("Payload", b"")
    if params.get("InvocationType") == "DryRun":
        functions.accept(name, payload, qualifier=qualifier)
        return Answer({"StatusCode": 204}, status=204)
    done = await functions.invoke(
        name,
        payload,
        qualifier=qualifier,
        request_id=call.request_id,
        client_context=_client_context(params.get("ClientContext")),
    )
    is_tail_wanted = params.get("LogType") == "Tail"
    told = {
        "StatusCode": 200,
        "ExecutedVersion": done.version,
        "EventStream": _events(done, is_tail_wanted=is_tail_wanted),
    }
    return Answer(told, headers={"X-Amzn-Trace-Id": done.trace_id})


async def _events(done: Invocation, *, is_tail_wanted: bool) -> AsyncIterator[Params]:
    """What a handler answered, as a stream: Python handlers give it whole, on AWS as well."""
    complete: Params = {}
    if done.function_error:
        complete = {"ErrorCode": done.function_error, "ErrorDetails": done.payload.decode()}
    else:
        for start in range(0, len(done.payload), _CHUNK_BYTES):
            yield {"PayloadChunk": {"Payload": done.payload[start : start + _CHUNK_BYTES]}}
    if is_tail_wanted:
        complete["LogResult"] = base64.b64encode(done.log_tail).decode()
    yield {"InvokeComplete": complete}


def _invocation_to_response(done: Invocation, *, is_tail_wanted: bool) -> Answer:
    params: Params = {
        "StatusCode": 200,
        "ExecutedVersion": done.version,
        "Payload": done.payload,
    }
    if done.function_error:
        params["FunctionError"] = done.function_error
    if is_tail_wanted:
        params["LogResult"] = base64.b64encode(done.log_tail).decode()
    headers = {"X-Amzn-Trace-Id": done.trace_id, "x-amzn-Remapped-Content-Length": "0"}
    return Answer(params, headers=headers)


def _client_context(encoded: str | None) -> str | None:
    """The JSON text in a ``ClientContext``, in ASCII; None for none."""
    if not encoded:
        return None
    allowed = f"base64 of a JSON object, at most {_CONTEXT_BYTES} bytes"
    if len(encoded) > _CONTEXT_BYTES:
        raise InvalidInput("ClientContext", encoded, allowed)
    try:
        # Parsed and written again, it is one line of ASCII, as a header has to be.
        return json.dumps(json.loads(base64.b64decode(encoded, validate=True)))
    except ValueError as error:  # of base64 and of JSON alike
        raise InvalidInput("ClientContext", encoded, allowed) from error


_Run = Callable[[Functions, Call, Params], Awaitable[Params | Answer]]

_OPERATIONS: dict[str, _Run] = {
    **unset.OPERATIONS,
    "AddPermission": permissions.add_permission,
    "CreateFunction": _create_function,
    "DeleteFunction": _delete_function,
    "GetFunction": _get_function,
    "GetFunctionConfiguration": _get_function_configuration,
    "GetPolicy": permissions.get_policy,
    "Invoke": _invoke,
    "InvokeWithResponseStream": _invoke_with_response_stream,
    "ListFunctions": _list_functions,
    "ListTags": permissions.list_tags,
    "RemovePermission": permissions.remove_permission,
    "TagResource": permissions.tag_resource,
    "UntagResource": permissions.untag_resource,
    "UpdateFunctionCode": _update_function_code,
    "UpdateFunctionConfiguration": _update_function_configuration,
}
