"""A door: one service's way from a request to its operation and back.

request → which operation → signature → parameters → constraints → operation → bytes. What goes
wrong on the way is answered in the protocol in which the request came.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

from botocore.model import OperationModel, ServiceModel

from bakehouse.clock import Clock
from bakehouse.faults import (
    Broken,
    CallRefused,
    Fault,
    Rejected,
    Unimplemented,
)
from bakehouse.wire import models, parsing, serializing
from bakehouse.wire.compression import plain_body
from bakehouse.wire.entrance import Entrance, allow, announced_bytes
from bakehouse.wire.errors import error_response
from bakehouse.wire.later import held
from bakehouse.wire.memory import FREE_BYTES, Memory
from bakehouse.wire.models import Family
from bakehouse.wire.refusals import spelled
from bakehouse.wire.routing import Router
from bakehouse.wire.signatures import Claim, Verifier
from bakehouse.wire.text_values import Malformed, MalformedParameter
from bakehouse.wire.types import (
    Answer,
    AwsError,
    Call,
    Caller,
    Params,
    Request,
    Response,
    Service,
    TextSignature,
)
from bakehouse.wire.validation import Check, Checks, violations_text

_log = logging.getLogger(__name__)

PARAMETER_BYTES = 8 * 1024 * 1024
"""The largest body of the protocols whose bodies are parameters: JSON, query and XML."""
_FORM_FIELDS = 20_000
_RPC_PATH = re.compile(r"/service/(\w+)/operation/(\w+)$")


@dataclass(frozen=True, slots=True)
class House:
    """What all doors share: whose house it is, who may come in, and how large a request may be."""

    account_id: str
    region: str
    verifier: Verifier | None
    """None lets everyone in."""
    clock: Clock
    request_bytes: int
    memory: Memory = field(default_factory=lambda: Memory(1 << 28))
    """Where bodies that are read whole find room."""


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
        self._entrance = Entrance(house.verifier, house.clock)
        self._compiled: dict[tuple[str, Family, str], _Compiled] = {}

    @cached_property
    def _model(self) -> ServiceModel:
        return models.service_model(self.service.name)

    @cached_property
    def _router(self) -> Router:
        return Router(self._model)

    def recognizes(self, request: Request) -> bool:
        """Whether the request can be meant for this service, where several share a signing name."""
        target = request.headers.get("x-amz-target") or _rpc_target(request)
        if target is not None or self.service.target_prefix is not None:
            prefix = (target or "").rpartition(".")[0]
            return target is not None and prefix == self.service.target_prefix
        return True

    def speaks(self, family: Family) -> bool:
        """Whether the service has a protocol of this family."""
        return family in models.families(self.service.name)

    async def answer(self, request: Request, claim: Claim | None) -> Response:
        """Answer one request, whatever it holds; this never raises for a request's sake."""
        if self.service.around is None:
            return await self.answer_as_usual(request, claim)
        return await self.service.around(request, _Doorway(self, self._house, claim))

    async def answer_as_usual(self, request: Request, claim: Claim | None) -> Response:
        """The same without what the service puts around it."""
        request_id = str(uuid4())
        meant = self._first_look(request)
        try:
            return await self._run(request, claim, meant, request_id)
        except AwsError as error:
            family = "json" if meant.family == "cbor" else meant.family
            return self._refuse(request, meant, spelled(error, family), request_id)
        except Malformed as error:
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

    def refuse(self, request: Request, error: AwsError | Rejected) -> Response:
        """The answer that tells of an error, in the protocol in which the request came."""
        meant = self._first_look(request)
        told = error if isinstance(error, AwsError) else self._aws_error(error)
        return self._refuse(request, meant, spelled(told, meant.family), str(uuid4()))

    def signer(self, text: str, signature: TextSignature, operation: str) -> Caller | None:
        """Who signed a text that stands for an operation; None where nothing is verified.

        Raises:
            AwsError: "key", "token", "mismatch" or "denied".
        """
        caller = self._entrance.signer(text, signature)
        if caller is not None:
            allow(self.service, caller, operation)
        return caller

    # From request to operation

    def _first_look(self, request: Request) -> _Meant:
        headers = request.headers
        spoken = models.families(self.service.name)
        if "x-amz-target" in headers and "json" in spoken:
            version = "1.0" if "json-1.0" in headers.get("content-type", "") else "1.1"
            return _Meant("json", version, headers["x-amz-target"].rpartition(".")[2], {}, {})
        if "cbor" in spoken and (target := _rpc_target(request)) is not None:
            return _Meant("cbor", "", target.rpartition(".")[2], {}, {})
        if "query" in spoken:
            form = dict(parse_qsl(request.query, keep_blank_values=True))
            return _Meant("query", "", form.get("Action"), {}, form)
        query = dict(parse_qsl(request.query, keep_blank_values=True)) if request.query else {}
        found = self._router.match(request.method, request.path, query, headers)
        operation, path = found or (None, {})
        return _Meant(spoken[0], "1.1", operation, path, {})

    async def _run(
        self, request: Request, claim: Claim | None, meant: _Meant, request_id: str
    ) -> Response:
        unsigned = meant.operation in self.service.unsigned
        caller = self._entrance.admit(claim, unsigned=unsigned)
        streams = meant.operation in self._streaming
        size = 0 if streams else announced_bytes(request, self._limit(meant.family))
        if size <= FREE_BYTES:  # most have no body, or little
            return await self._run_admitted(request, claim, caller, meant, request_id)
        async with self._house.memory.room(size):
            return await self._run_admitted(request, claim, caller, meant, request_id)

    async def _run_admitted(
        self,
        request: Request,
        claim: Claim | None,
        caller: Caller | None,
        meant: _Meant,
        request_id: str,
    ) -> Response:
        limit = None if meant.operation in self._streaming else self._limit(meant.family)
        request, body = await self._entrance.let_in(request, claim, caller, meant.family, limit)
        if caller is not None:
            allow(self.service, caller, meant.operation)
        if not _is_text(request.path):
            raise AwsError("InvalidURI", "Couldn't parse the specified URI.", 400)
        if not meant.family.startswith("rest"):
            body = plain_body(request.headers, body, PARAMETER_BYTES)
        if meant.family == "query":
            meant = _with_form(meant, body)
        operation = self._known(meant)
        compiled = self._compile(operation, meant.family, meant.version)
        params = self._params(compiled, request, meant, body)
        if claim is None and self._entrance.is_guarded:
            self.service.unsigned[operation](params)
        call = Call(
            operation,
            request_id,
            self._house.account_id,
            (claim and claim.region) or self._house.region,
            claim.access_key_id if claim else "",
            request.headers,
            caller,
        )
        result = await self.service.operations[operation](call, params)
        answer = result if isinstance(result, Answer) else Answer(result)
        response = compiled.write(answer, request_id)
        if answer.later is not None:
            return held(response, answer.later, lambda told: compiled.write(told, request_id))
        return response if answer.body is None else replace(response, body=answer.body)

    def _params(self, compiled: _Compiled, request: Request, meant: _Meant, body: bytes) -> Params:
        """The parameters of a request, parsed and held to the model's constraints."""
        try:
            params = compiled.read(request, meant.path, meant.form, body)
        except RecursionError as error:
            raise Malformed("The parameters are nested too deeply.") from error
        if meant.operation in self._streaming:
            params[str(models.payload_member(compiled.model.input_shape))] = request.body
        self._check(compiled, params)
        return params

    @cached_property
    def _streaming(self) -> frozenset[str]:
        offered = self.service.operations.keys() & set(self._model.operation_names)
        return frozenset(n for n in offered if models.streams_in(self._model.operation_model(n)))

    def _limit(self, family: Family) -> int:
        limit = self._house.request_bytes  # only in REST with JSON is a body more than parameters:
        return limit if family == "rest-json" else min(limit, PARAMETER_BYTES)  # code, images

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
        check = self._constraints(model, family)
        if family == "json":
            write = serializing.json_serializer(model, version)
        elif family == "cbor":
            write = serializing.cbor_serializer(model)
        elif family == "query":
            write = serializing.query_serializer(model)
        else:
            root = self.service.xml_roots.get(operation, f"{operation}Result")
            write = serializing.rest_serializer(model, family, root)
        return _Compiled(model, parsing.request_reader(model, family), check, write)

    def _constraints(self, model: OperationModel, family: Family) -> Check | None:
        """The check of an operation's parameters; of XML, at most the body's."""
        shape = model.input_shape
        if shape is None:
            return None
        if family != "rest-xml":
            return Checks().check(shape)
        if model.name not in self.service.checked_bodies:
            return None
        payload = str(models.payload_member(shape))
        check = Checks().check(shape.members[payload])
        return lambda params, path, found: check(params.setdefault(payload, {}), path, found)

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
            namespace=self._model.metadata.get("xmlNamespace", ""),
        )


def _rpc_target(request: Request) -> str | None:
    """``prefix.operation`` of a request in ``rpc-v2-cbor``, whose path names both; else None."""
    if request.headers.get("smithy-protocol") != "rpc-v2-cbor":
        return None
    found = _RPC_PATH.search(request.path)
    return None if found is None else f"{found[1]}.{found[2]}"


class _Doorway:
    """A door as it shows itself to what its service puts around it, for one request."""

    def __init__(self, door: Door, house: House, claim: Claim | None) -> None:
        self._door, self._claim = door, claim
        self.account_id, self.region = house.account_id, house.region
        self.verifies = house.verifier is not None

    async def answer(self, request: Request) -> Response:
        return await self._door.answer_as_usual(request, self._claim)

    def refuse(self, request: Request, error: AwsError | Rejected) -> Response:
        return self._door.refuse(request, error)

    def signer(self, text: str, signature: TextSignature, operation: str) -> Caller | None:
        return self._door.signer(text, signature, operation)


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
        raise Malformed(f"The form has more than {_FORM_FIELDS} fields.") from error
    form = {**meant.form, **dict(fields)}
    return _Meant(meant.family, meant.version, form.get("Action"), {}, form)


def _malformed(family: Family, error: Malformed) -> AwsError:
    text = str(error)
    if family == "rest-xml":
        outside = isinstance(error, MalformedParameter)
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
    what = f"operation {name}" if name else "operation of this method and path here"
    return AwsError("UnknownOperationException", f"There is no {what}.", status)
