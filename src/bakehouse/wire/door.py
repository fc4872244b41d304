"""A door: one service's way from a request to its operation and back.

request → which operation → signature → parameters → constraints → operation → bytes. What goes
wrong on the way is answered in the protocol in which the request came.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

from botocore.model import OperationModel, ServiceModel

from bakehouse.clock import Clock
from bakehouse.faults import (
    Broken,
    CallRefused,
    Fault,
    LimitExceeded,
    Rejected,
    Unimplemented,
)
from bakehouse.wire import models, parsing, serializing
from bakehouse.wire.bodies import CheckedBody
from bakehouse.wire.errors import error_response
from bakehouse.wire.models import Family
from bakehouse.wire.routing import Router
from bakehouse.wire.signatures import UNSIGNED, Signature, Verifier, spelled
from bakehouse.wire.types import Answer, AwsError, Call, Params, Request, Response, Service
from bakehouse.wire.validation import Check, Checks, violations_text

_log = logging.getLogger(__name__)

PARAMETER_BYTES = 8 * 1024 * 1024
"""The largest body of the protocols whose bodies are parameters: JSON, query and XML."""
_FORM_FIELDS = 20_000


@dataclass(frozen=True, slots=True)
class House:
    """What all doors share: whose house it is, who may come in, and how large a request may be."""

    account_id: str
    region: str
    verifier: Verifier | None
    """None lets everyone in."""
    clock: Clock
    request_bytes: int


@dataclass(frozen=True, slots=True)
class _Meant:
    """What a request means: a protocol, an operation, and what its path and form already told."""

    family: Family
    version: str
    operation: str | None
    path: Mapping[str, str]
    form: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """One operation in one protocol family, ready to run."""

    model: OperationModel
    read: parsing.RequestReader
    check: Check | None
    write: serializing.Serializer


class Door:
    """One service, opened to requests. Models are loaded and compiled when first needed."""

    def __init__(self, service: Service, house: House) -> None:
        self.service = service
        self._house = house
        self._compiled: dict[tuple[str, Family, str], _Compiled] = {}

    @cached_property
    def _model(self) -> ServiceModel:
        return models.service_model(self.service.name)

    @cached_property
    def _router(self) -> Router:
        return Router(self._model)

    def recognizes(self, request: Request) -> bool:
        """Whether the request can be meant for this service, where several share a signing name."""
        target = request.headers.get("x-amz-target")
        if target is not None or self.service.target_prefix is not None:
            prefix = (target or "").rpartition(".")[0]
            return target is not None and prefix == self.service.target_prefix
        return True

    async def answer(self, request: Request, signature: Signature | None) -> Response:
        """Answer one request, whatever it holds; this never raises for a request's sake."""
        request_id = str(uuid4())
        meant = self._first_look(request)
        try:
            return await self._run(request, signature, meant, request_id)
        except AwsError as error:
            return self._refuse(request, meant, spelled(error, meant.family), request_id)
        except parsing.Malformed as error:
            return self._refuse(request, meant, _malformed(meant.family, error), request_id)
        except (Rejected, Broken) as fault:
            if isinstance(fault, Broken) and not isinstance(fault, Unimplemented):
                _log.error("Request %s failed: %s", request_id, fault)
            return self._refuse(request, meant, self._aws_error(fault), request_id)
        except Exception:  # noqa: BLE001  # the last resort of a request: all is logged
            _log.exception("Request %s (%s %s) failed.", request_id, request.method, request.path)
            text = f"Something went wrong in request {request_id}."
            broken = AwsError(self.service.broken_code, text, 500)
            return self._refuse(request, meant, broken, request_id)

    async def call(self, operation: str, params: Params) -> Params:
        """Run an operation from within, as the state machines do; the parameters are checked.

        Raises:
            CallRefused: the operation was refused; with the code that a client would have seen.
        """
        request_id = str(uuid4())
        family = models.families(self.service.name)[0]
        call = Call(
            operation, request_id, self._house.account_id, self._house.region, access_key_id=""
        )
        try:
            compiled = self._compile(operation, family, "1.1")
            self._check(compiled, params)
            result = await self.service.operations[operation](call, params)
        except AwsError as error:
            refused = error
        except Fault as fault:
            refused = self._aws_error(fault)
        else:
            return result.params if isinstance(result, Answer) else result
        raise CallRefused(
            self.service.name, refused.code, refused.status, refused.message, request_id
        )

    # From request to operation

    def _first_look(self, request: Request) -> _Meant:
        headers = request.headers
        if "x-amz-target" in headers:
            version = "1.0" if "json-1.0" in headers.get("content-type", "") else "1.1"
            return _Meant("json", version, headers["x-amz-target"].rpartition(".")[2], {}, {})
        spoken = models.families(self.service.name)
        if "query" in spoken:
            form = dict(parse_qsl(request.query, keep_blank_values=True))
            return _Meant("query", "", form.get("Action"), {}, form)
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        found = self._router.match(request.method, request.path, query, headers)
        operation, path = found or (None, {})
        return _Meant(spoken[0], "1.1", operation, path, {})

    async def _run(
        self, request: Request, signature: Signature | None, meant: _Meant, request_id: str
    ) -> Response:
        if self._house.verifier is not None:
            self._house.verifier.admit(signature)
        streams = meant.operation in self._streaming
        body = b"" if streams else await self._read(request, meant.family)
        self._verify(request, signature, meant, None if streams else body)
        if not _is_text(request.path):
            raise AwsError("InvalidURI", "Couldn't parse the specified URI.", 400)
        if meant.family == "query":
            meant = _with_form(meant, body)
        operation = self._known(meant)
        compiled = self._compile(operation, meant.family, meant.version)
        params = compiled.read(request, meant.path, meant.form, body)
        if streams:
            params[str(models.payload_member(compiled.model.input_shape))] = CheckedBody(request)
        self._check(compiled, params)
        call = Call(
            operation,
            request_id,
            self._house.account_id,
            signature.region if signature else self._house.region,
            signature.access_key_id if signature else "",
            request.headers,
        )
        result = await self.service.operations[operation](call, params)
        answer = result if isinstance(result, Answer) else Answer(result)
        response = compiled.write(answer, request_id)
        return response if answer.body is None else replace(response, body=answer.body)

    @cached_property
    def _streaming(self) -> frozenset[str]:
        offered = self.service.operations.keys() & set(self._model.operation_names)
        return frozenset(n for n in offered if models.streams_in(self._model.operation_model(n)))

    async def _read(self, request: Request, family: Family) -> bytes:
        limit = self._house.request_bytes
        if family != "rest-json":  # only there is a body more than the parameters: code, images
            limit = min(limit, PARAMETER_BYTES)
        try:
            return await request.body.read(limit)
        except LimitExceeded as error:
            raise AwsError("RequestEntityTooLargeException", str(error), 413) from error

    def _verify(
        self, request: Request, signature: Signature | None, meant: _Meant, body: bytes | None
    ) -> None:
        if self._house.verifier is None:
            return
        declared = request.headers.get("x-amz-content-sha256")
        digest = declared or ""
        if body is not None and declared != UNSIGNED:
            digest = hashlib.sha256(body).hexdigest()
        # The XML services encode the path once: theirs is the only family whose keys hold any text.
        self._house.verifier.verify(
            request,
            signature,
            digest,
            encode_twice=meant.family != "rest-xml",
            now=self._house.clock(),
        )

    def _known(self, meant: _Meant) -> str:
        name = meant.operation
        if name is None or name not in self._model.operation_names:
            raise _unknown(meant.family, name)
        if name not in self.service.operations:
            raise Unimplemented(self.service.name, name)
        return name

    def _check(self, compiled: _Compiled, params: Params) -> None:
        if compiled.check is None:
            return
        found: list[str] = []
        compiled.check(params, "", found)
        if found:
            raise AwsError(self.service.invalid_code, violations_text(found), 400)

    # Compiling

    def _compile(self, operation: str, family: Family, version: str) -> _Compiled:
        key = (operation, family, version)
        if key not in self._compiled:
            self._compiled[key] = self._compile_now(operation, family, version)
        return self._compiled[key]

    def _compile_now(self, operation: str, family: Family, version: str) -> _Compiled:
        model = self._model.operation_model(operation)
        shape = model.input_shape
        constrained = family != "rest-xml" and shape is not None
        check = Checks().check(shape) if constrained else None
        if family == "json":
            write = serializing.json_serializer(model, version)
        elif family == "query":
            write = serializing.query_serializer(model)
        else:
            root = self.service.xml_roots.get(operation, f"{operation}Result")
            write = serializing.rest_serializer(model, family, root)
        return _Compiled(model, parsing.request_reader(model, family), check, write)

    # From fault to answer

    def _aws_error(self, fault: Fault) -> AwsError:
        if isinstance(fault, Rejected):
            return self.service.aws_error(fault)
        if isinstance(fault, Unimplemented):
            return AwsError("NotImplemented", fault.message, 501)
        return AwsError(self.service.broken_code, fault.message, 500)

    def _refuse(
        self, request: Request, meant: _Meant, error: AwsError, request_id: str
    ) -> Response:
        name = meant.operation
        known = name is not None and name in self._model.operation_names
        return error_response(
            error,
            meant.family,
            request_id,
            operation=self._model.operation_model(name) if known else None,
            version=meant.version,
            head=request.method == "HEAD",
            query_mode=request.headers.get("x-amzn-query-mode") == "true",
        )


def _is_text(path: str) -> bool:
    """Whether a path is UTF-8 once decoded; two that are not would become the same key."""
    try:
        unquote(path, errors="strict")
    except UnicodeDecodeError:
        return False
    return True


def _with_form(meant: _Meant, body: bytes) -> _Meant:
    """Add the form in the body, which names the operation, to what the query says."""
    try:
        fields = parse_qsl(body.decode("utf-8", "replace"), True, max_num_fields=_FORM_FIELDS)
    except ValueError as error:
        raise parsing.Malformed(f"The form has more than {_FORM_FIELDS} fields.") from error
    form = {**meant.form, **dict(fields)}
    return _Meant(meant.family, meant.version, form.get("Action"), {}, form)


def _malformed(family: Family, error: parsing.Malformed) -> AwsError:
    text = str(error)
    if family == "rest-xml":
        outside = isinstance(error, parsing.MalformedParameter)
        return AwsError("InvalidArgument" if outside else "MalformedXML", text, 400)
    if family == "query":
        return AwsError("MalformedQueryString", text, 400)
    return AwsError("SerializationException", text, 400)


def _unknown(family: Family, name: str | None) -> AwsError:
    if family == "rest-xml":
        text = "The specified method is not allowed against this resource."
        return AwsError("MethodNotAllowed", text, 405)
    if family == "query":
        return AwsError("InvalidAction", f"Could not find operation {name}.", 400)
    status = 404 if family == "rest-json" else 400
    return AwsError("UnknownOperationException", f"There is no operation {name}.", status)
