from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import botocore.session
import orjson
import pytest
from botocore.validate import ParamValidator

from bakehouse.faults import (
    AccessDenied,
    AlreadyExists,
    Conflict,
    InvalidInput,
    LimitExceeded,
    NotFound,
    Rejected,
)
from bakehouse.functions.archives import ArchiveTooLarge
from bakehouse.functions.definition import (
    InvalidPayload,
    PayloadTooLarge,
    RevisionChanged,
    Throttled,
)
from bakehouse.functions.functions import Functions
from bakehouse.services.lambda_ import service
from bakehouse.services.lambda_.errors import aws_error
from bakehouse.wire.types import Answer, Call, Params
from support.functions_parts import ROLE, Workplace, archive_of

T = TypeVar("T")
MODEL = botocore.session.get_session().get_service_model("lambda")
ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"
ZIP = archive_of(app="def handler(event, context):\n    print('hello')\n    return event['a']")
CREATE = {
    "FunctionName": "f",
    "Runtime": "python3.11",
    "Role": ROLE,
    "Handler": "app.handler",
    "Code": {"ZipFile": ZIP},
}


class Door:
    """The operations of the service, their answers held against botocore's shapes."""

    def __init__(self, functions: Functions) -> None:
        self.service = service(functions)

    async def answer(self, operation: str, **params: Any) -> Answer:
        call = Call(operation, "11111111-2222-3333-4444-555555555555", "123456789012", "", "")
        given = await self.service.operations[operation](call, params)
        answer = given if isinstance(given, Answer) else Answer(given)
        shape = MODEL.operation_model(operation).output_shape
        assert ParamValidator().validate(answer.params, shape).generate_report() == ""
        return answer

    async def __call__(self, operation: str, **params: Any) -> Params:
        return (await self.answer(operation, **params)).params


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Callable[[Door], Awaitable[Any]]], Any]:
    place = Workplace(tmp_path / "data", sandboxes=1)
    return lambda work: place.run(lambda functions: work(Door(functions)))


def test_the_table_is_botocores() -> None:
    """Every operation exists in the model, under the service's signing name."""
    door = service(cast(Functions, None))  # only the table is looked at
    assert set(door.operations) <= set(MODEL.operation_names)
    assert (door.name, door.signing_name) == (MODEL.service_name, MODEL.signing_name)


def test_a_new_function_is_described_with_awss_defaults(run: Any) -> None:
    """What CreateFunction answers is what GetFunction tells, and it is Active at once."""

    async def work(door: Door) -> tuple[Params, Params, Params]:
        created = await door("CreateFunction", **CREATE)
        found = await door("GetFunction", FunctionName=ARN)
        return created, found, await door("GetFunctionConfiguration", FunctionName="f")

    created, found, configuration = run(work)
    assert found == {"Configuration": created, "Code": {"RepositoryType": "S3"}}
    assert configuration == created
    assert created.pop("RevisionId")
    assert created.pop("LastModified").endswith("+0000")
    assert created == {
        "FunctionName": "f",
        "FunctionArn": ARN,
        "Runtime": "python3.11",
        "Role": ROLE,
        "Handler": "app.handler",
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "CodeSize": len(ZIP),
        "CodeSha256": base64.b64encode(hashlib.sha256(ZIP).digest()).decode(),
        "Version": "$LATEST",
        "TracingConfig": {"Mode": "PassThrough"},
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"},
    }


def test_what_is_chosen_is_told(run: Any) -> None:
    """Every setting of a request comes back in the answer, and updates change only theirs."""

    async def work(door: Door) -> None:
        chosen = {
            "Description": "serialize",
            "Timeout": 60,
            "MemorySize": 512,
            "Environment": {"Variables": {"THRESHOLD": ".7"}},
            "EphemeralStorage": {"Size": 1024},
            "TracingConfig": {"Mode": "Active"},
            "Architectures": ["arm64"],
        }
        created = await door("CreateFunction", **CREATE, **chosen, Tags={"team": "scones"})
        assert created.items() >= chosen.items()
        assert (await door("GetFunction", FunctionName="f"))["Tags"] == {"team": "scones"}
        updated = await door("UpdateFunctionConfiguration", FunctionName="f", Timeout=7)
        assert updated.items() >= {**chosen, "Timeout": 7}.items()
        other = archive_of(app="def handler(event, context):\n    return 2")
        replaced = await door("UpdateFunctionCode", FunctionName="f", ZipFile=other)
        assert replaced["CodeSize"] == len(other)
        assert replaced["RevisionId"] != updated["RevisionId"]
        assert (await door("Invoke", FunctionName="f"))["Payload"] == b"2"

    run(work)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("PackageType", "Image"),
        ("Layers", ["arn:aws:lambda:us-east-1:123456789012:layer:numpy:1"]),
        ("FileSystemConfigs", [{"Arn": "a", "LocalMountPath": "/mnt/x"}]),
        ("Runtime", "nodejs20.x"),
        ("Handler", None),
        ("Code", {"ImageUri": "123.dkr.ecr/x"}),
    ],
)
def test_what_would_not_run_as_asked_is_refused(run: Any, member: str, value: Any) -> None:
    """Rather than taken and left out."""

    async def work(door: Door) -> None:
        with pytest.raises(InvalidInput):
            await door("CreateFunction", **{**CREATE, member: value})

    run(work)


def test_an_invocation_answers_with_its_payload(run: Any) -> None:
    """Status, version, payload and headers; the log's tail where it was asked for."""

    async def work(door: Door) -> tuple[Answer, Answer]:
        await door("CreateFunction", **CREATE)
        name = f"{ARN}:$LATEST"
        plain = await door.answer("Invoke", FunctionName=name, Payload=b'{"a": [1]}')
        return plain, await door.answer(
            "Invoke", FunctionName="f", Payload=b"{}", LogType="Tail", Qualifier="$LATEST"
        )

    plain, failed = run(work)
    assert plain.params == {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": b"[1]"}
    assert plain.headers["x-amzn-Remapped-Content-Length"] == "0"
    assert plain.headers["X-Amzn-Trace-Id"].startswith("Root=1-")
    assert failed.params["FunctionError"] == "Unhandled"
    error = orjson.loads(failed.params["Payload"])
    assert (error["errorType"], error["errorMessage"]) == ("KeyError", "'a'")
    assert error["requestId"] == "11111111-2222-3333-4444-555555555555"
    tail = base64.b64decode(failed.params["LogResult"]).decode()
    assert tail.startswith("START RequestId: 11111111-2222-3333-4444-555555555555 ")
    assert "\nhello\n[ERROR] KeyError: 'a'\r" in tail
    assert tail.endswith("\t\n")


def test_an_invocation_answers_with_a_stream(run: Any) -> None:
    """A chunk and the end of the invocation; an error has its details at the end."""

    async def events(door: Door, payload: bytes, **more: Any) -> list[Params]:
        call = Call("InvokeWithResponseStream", "r-1", "123456789012", "", "")
        operation = door.service.operations["InvokeWithResponseStream"]
        answer = await operation(call, {"FunctionName": "f", "Payload": payload, **more})
        assert isinstance(answer, Answer)
        return [event async for event in answer.params["EventStream"]]

    async def work(door: Door) -> None:
        await door("CreateFunction", **CREATE)
        done = await events(door, b'{"a": [1]}')
        assert done == [{"PayloadChunk": {"Payload": b"[1]"}}, {"InvokeComplete": {}}]
        (failed,) = await events(door, b"{}", LogType="Tail")
        end = failed["InvokeComplete"]
        assert end["ErrorCode"] == "Unhandled"
        assert orjson.loads(end["ErrorDetails"])["errorType"] == "KeyError"
        assert b"hello" in base64.b64decode(end["LogResult"])
        dry = await door.answer(
            "InvokeWithResponseStream", FunctionName="f", InvocationType="DryRun"
        )
        assert (dry.status, dry.params) == (204, {"StatusCode": 204})

    run(work)


def test_other_kinds_of_invocation_answer_at_once(run: Any) -> None:
    """DryRun runs nothing, Event runs later; both answer without a payload."""

    async def work(door: Door) -> None:
        await door("CreateFunction", **CREATE)
        for kind, status in (("DryRun", 204), ("Event", 202)):
            answer = await door.answer(
                "Invoke", FunctionName="f", InvocationType=kind, Payload=b'{"a": 1}'
            )
            assert (answer.status, answer.params) == (status, {"StatusCode": status})

    run(work)


@pytest.mark.parametrize(
    ("encoded", "answer"),
    [
        (base64.b64encode('{"custom": {"a": "é\\n"}}'.encode()).decode(), '{"a": "\\u00e9\\n"}'),
        (None, "null"),
    ],
)
def test_a_client_context_reaches_the_handler(run: Any, encoded: str | None, answer: str) -> None:
    """As the mobile SDKs send it; without one the handler sees None."""
    code = """
        def handler(event, context):
            return context.client_context and context.client_context.custom
    """

    async def work(door: Door) -> bytes:
        await door("CreateFunction", **{**CREATE, "Code": {"ZipFile": archive_of(app=code)}})
        chosen = {"ClientContext": encoded} if encoded else {}
        payload: bytes = (await door("Invoke", FunctionName="f", **chosen))["Payload"]
        return payload

    assert run(work).decode() == answer


@pytest.mark.parametrize("encoded", ["%%%", base64.b64encode(b"{").decode(), "e30=" * 1000])
def test_a_bad_client_context_is_refused(run: Any, encoded: str) -> None:
    """No base64, no JSON, or too long."""

    async def work(door: Door) -> None:
        await door("CreateFunction", **CREATE)
        with pytest.raises(InvalidInput, match="ClientContext"):
            await door("Invoke", FunctionName="f", ClientContext=encoded)

    run(work)


def test_functions_are_listed_in_pages(run: Any) -> None:
    """The marker leads on to the rest."""

    async def work(door: Door) -> tuple[Params, Params]:
        for name in ("c", "a", "b"):
            await door("CreateFunction", **{**CREATE, "FunctionName": name})
        first = await door("ListFunctions", MaxItems=2)
        return first, await door("ListFunctions", Marker=first["NextMarker"])

    first, second = run(work)
    assert [function["FunctionName"] for function in first["Functions"]] == ["a", "b"]
    assert [function["FunctionName"] for function in second["Functions"]] == ["c"]
    assert "NextMarker" not in second


def test_a_deleted_function_is_gone(run: Any) -> None:
    """204, and then nobody finds it; its version alone cannot be deleted."""

    async def work(door: Door) -> None:
        await door("CreateFunction", **CREATE)
        with pytest.raises(InvalidInput, match="cannot be deleted without deleting"):
            await door("DeleteFunction", FunctionName="f", Qualifier="$LATEST")
        assert (await door.answer("DeleteFunction", FunctionName="f")).status == 204
        for operation in ("GetFunction", "DeleteFunction", "Invoke", "UpdateFunctionCode"):
            with pytest.raises(NotFound):
                await door(operation, FunctionName="f", ZipFile=ZIP)

    run(work)


def test_a_busy_function_is_throttled(run: Any) -> None:
    """One process at most, one event in it: the next is 429."""
    code = "import time\ndef handler(event, context):\n    time.sleep(.3)"

    async def work(door: Door) -> list[Any]:
        await door("CreateFunction", **{**CREATE, "Code": {"ZipFile": archive_of(app=code)}})
        both = (door("Invoke", FunctionName="f") for _ in range(2))
        return list(await asyncio.gather(*both, return_exceptions=True))

    kinds = [type(result) for result in run(work)]
    assert sorted(kind.__name__ for kind in kinds) == ["Throttled", "dict"]


@pytest.mark.parametrize(
    ("fault", "code", "status", "message"),
    [
        (NotFound("function", ARN), "ResourceNotFoundException", 404, f"Function not found: {ARN}"),
        (
            AlreadyExists("function", "f"),
            "ResourceConflictException",
            409,
            "Function already exist: f",
        ),
        (
            InvalidInput("Timeout", 0, "1 to 900 seconds"),
            "InvalidParameterValueException",
            400,
            "Timeout is 0; expected 1 to 900 seconds.",
        ),
        (
            InvalidPayload("Payload", b"", "JSON", "Could not parse request body into json: x"),
            "InvalidRequestContentException",
            400,
            "Could not parse request body into json: x",
        ),
        (
            PayloadTooLarge("The payload", 7e6, 6_291_456, "bytes"),
            "RequestTooLargeException",
            413,
            "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
        ),
        (
            ArchiveTooLarge("The archive", 6e7, 52_428_800, "bytes"),
            "RequestEntityTooLargeException",
            413,
            "Zipped size must be smaller than 52428800 bytes",
        ),
        (Throttled("x", 11, 10, "sandboxes"), "TooManyRequestsException", 429, "Rate Exceeded."),
        (
            RevisionChanged("1"),
            "PreconditionFailedException",
            412,
            RevisionChanged("1").message,
        ),
        (
            Conflict("function", "f", "Pending", "Active"),
            "ResourceConflictException",
            409,
            "The operation cannot be performed at this time. "
            "The function is currently in the following state: Pending",
        ),
        (AccessDenied("No."), "AccessDeniedException", 403, "No."),
        (
            LimitExceeded("A code", 2, 1, "bytes"),
            "InvalidParameterValueException",
            400,
            "A code is 2 bytes; the limit is 1 bytes.",
        ),
    ],
)
def test_a_fault_has_awss_words(fault: Rejected, code: str, status: int, message: str) -> None:
    """Code, status and text of each fault."""
    error = aws_error(fault)
    assert (error.code, error.status, error.message) == (code, status, message)
