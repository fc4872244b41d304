"""An error as bytes, in the form of each protocol family."""

from __future__ import annotations

from typing import Any

import orjson
from botocore.model import OperationModel

from bakehouse.wire import cbor
from bakehouse.wire.models import Family, error_shape
from bakehouse.wire.serializing import xml_text
from bakehouse.wire.types import AwsError, Response


def error_response(
    error: AwsError,
    family: Family,
    request_id: str,
    *,
    operation: OperationModel | None = None,
    version: str = "1.1",
    head: bool = False,
    query_mode: bool = False,
    namespace: str = "",
) -> Response:
    """The answer that tells a client of an error.

    Args:
        error: what went wrong, in AWS's words.
        family: the protocol in which the request came.
        request_id: the id under which the server knows the request.
        operation: the operation's model, for the names of the error's members.
        version: the JSON version, ``1.0`` or ``1.1``.
        head: whether the request was a HEAD, whose answer has no body.
        query_mode: whether the client asked for the error in the query protocol's words as well.
        namespace: of the service's XML, for the query protocol.
    """
    if family in ("json", "cbor"):
        return _rpc_error(error, family, request_id, operation, version, query_mode)
    if family == "rest-json":
        headers = {"content-type": "application/json", "x-amzn-errortype": error.code}
        body = orjson.dumps(_members(error, operation))
        return Response(error.status, {**headers, "x-amzn-requestid": request_id}, body)
    if family == "query":
        return _query_error(error, request_id, namespace)
    return _rest_xml_error(error, request_id, head)


def _rpc_error(
    error: AwsError,
    family: Family,
    request_id: str,
    operation: OperationModel | None,
    version: str,
    query_mode: bool,
) -> Response:
    shape = error_shape(operation, error.code)
    told = {"__type": error.code if shape is None else shape.name, **_members(error, operation)}
    headers = {"x-amzn-requestid": request_id}
    if query_mode:  # the code by which the service called it as long as it spoke that protocol
        blame = "Sender" if error.status < 500 else "Receiver"
        headers["x-amzn-query-error"] = f"{error.code};{blame}"
    if family == "cbor":
        kinds = {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
        return Response(error.status, {**headers, **kinds}, cbor.dumps(told))
    kinds = {"content-type": f"application/x-amz-json-{version}"}
    return Response(error.status, {**headers, **kinds}, orjson.dumps(told))


def _members(error: AwsError, operation: OperationModel | None) -> dict[str, Any]:
    """The members of the modelled error shape: the message under its own spelling, and ``Type``."""
    shape = error_shape(operation, error.code)
    names = [] if shape is None else list(shape.members)
    spelling = next((name for name in names if name.lower() == "message"), "message")
    members: dict[str, Any] = {spelling: error.message, **error.fields}
    if "Type" in names:
        members.setdefault("Type", "User" if error.status < 500 else "Service")
    return members


def _query_error(error: AwsError, request_id: str, namespace: str) -> Response:
    blame = "Sender" if error.status < 500 else "Receiver"
    body = (
        f'<ErrorResponse xmlns="{namespace}"><Error><Type>{blame}</Type>'
        f"<Code>{xml_text(error.code)}</Code><Message>{xml_text(error.message)}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    headers = {"content-type": "text/xml", "x-amzn-requestid": request_id}
    return Response(error.status, headers, body.encode())


def _rest_xml_error(error: AwsError, request_id: str, head: bool) -> Response:
    headers = {"content-type": "application/xml", "x-amz-request-id": request_id, **error.headers}
    if head or error.status == 304:
        return Response(error.status, headers)
    more = "".join(f"<{k}>{xml_text(str(v))}</{k}>" for k, v in error.fields.items())
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{xml_text(error.code)}</Code><Message>{xml_text(error.message)}</Message>{more}"
        f"<RequestId>{request_id}</RequestId></Error>"
    )
    return Response(error.status, headers, body.encode())
