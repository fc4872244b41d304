"""InvokeEndpoint: what comes in, what goes out, and the faults in AWS's words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from bakehouse.faults import InvalidInput, LimitExceeded, NotFound, Rejected
from bakehouse.hosting import Hosting
from bakehouse.hosting.types import Overloaded
from bakehouse.services.sagemaker_runtime import aws_error, parts_of, service
from bakehouse.settings import Settings
from bakehouse.wire.types import Answer, AwsError, Call, Params
from support.hosting_parts import CAPTURE, Place, create_endpoint, record

SETTINGS = replace(Settings(), invocation_bytes=1000)
Ask = Callable[..., Awaitable[Params]]


def with_door(folder: Path, scenario: Callable[[Place, Hosting, Ask], Awaitable[None]]) -> None:
    async def run() -> None:
        place = Place(folder)
        async with place.hosting() as hosting:
            await create_endpoint(place, hosting, capture=CAPTURE)
            invoke = service(hosting, SETTINGS).operations["InvokeEndpoint"]

            async def ask(**params: Any) -> Params:
                call = Call("InvokeEndpoint", "r-1", "123456789012", "us-east-1", "AKID")
                answer = await invoke(call, {"EndpointName": "Scones", **params})
                assert not isinstance(answer, Answer)
                return answer

            await scenario(place, hosting, ask)

    asyncio.run(run())


def test_the_door_is_the_one_that_clients_look_for(tmp_path: Path) -> None:
    """Name, signing name and operations are botocore's."""

    async def scenario(place: Place, hosting: Hosting, ask: Ask) -> None:
        door = service(hosting, SETTINGS)
        model = botocore.session.get_session().get_service_model(door.name)
        assert door.signing_name == model.signing_name
        assert set(door.operations) <= set(model.operation_names)

    with_door(tmp_path, scenario)


def test_an_answer_has_body_type_and_variant(tmp_path: Path) -> None:
    """The model's body and content type come back as they are, with the variant's name."""

    async def scenario(place: Place, hosting: Hosting, ask: Ask) -> None:
        assert await ask(Body=b"x", ContentType="image/png", TargetVariant="AllTraffic") == {
            "Body": b"[0.9, 0.1]",
            "ContentType": "application/json",
            "InvokedProductionVariant": "AllTraffic",
        }
        answered = await ask(Accept="application/jsonlines")
        assert answered["ContentType"] == "application/jsonlines"

    with_door(tmp_path, scenario)


def test_what_the_caller_says_reaches_the_capture(tmp_path: Path) -> None:
    """Inference id and custom attributes are in the captured record."""

    async def scenario(place: Place, hosting: Hosting, ask: Ask) -> None:
        await ask(Body=b"x", ContentType="image/png", InferenceId="95", CustomAttributes="a=b")
        await hosting.delete_endpoint("Scones")
        (line,) = place.captured()
        event = record(line)["eventMetadata"]
        assert (event["inferenceId"], event["customAttributes"]) == ("95", ["a=b"])

    with_door(tmp_path, scenario)


def test_a_model_that_fails_is_a_model_error(tmp_path: Path) -> None:
    """424 with AWS's sentence; the container's status and text are members of their own."""
    see = (
        "See https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1"
        "#logEventViewer:group=/aws/sagemaker/Endpoints/Scones in account 123456789012 for more "
        "information."
    )

    async def scenario(place: Place, hosting: Hosting, ask: Ask) -> None:
        with pytest.raises(AwsError) as bad:
            await ask(Body=b"bad", ContentType="image/png")
        error = bad.value
        assert (error.code, error.status) == ("ModelError", 424)
        text = "unable to evaluate payload provided"
        assert error.message == (
            f'Received client error (400) from primary with message "{text}". {see}'
        )
        assert error.fields == {
            "OriginalStatusCode": 400,
            "OriginalMessage": text,
            "LogStreamArn": "arn:aws:logs:us-east-1:123456789012:log-group:"
            "/aws/sagemaker/Endpoints/Scones",
        }
        with pytest.raises(AwsError, match=r"Received server error \(500\) from primary with"):
            await ask(Body=b"bug")

    with_door(tmp_path, scenario)


def test_unknown_endpoints_and_variants_are_validation_errors(tmp_path: Path) -> None:
    """The runtime says ValidationError, where the control plane says ValidationException."""

    async def scenario(place: Place, hosting: Hosting, ask: Ask) -> None:
        with pytest.raises(AwsError) as unknown:
            await ask(EndpointName="No", Body=b"x")
        assert (unknown.value.code, unknown.value.status) == ("ValidationError", 400)
        assert unknown.value.message == "Endpoint No of account 123456789012 not found."
        with pytest.raises(AwsError, match="Variant V not found"):
            await ask(Body=b"x", TargetVariant="V")

    with_door(tmp_path, scenario)


def test_a_prediction_comes_as_a_stream(tmp_path: Path) -> None:
    """The same prediction, in parts; what goes wrong before the first is an ordinary error."""

    async def scenario(place: Place, hosting: Hosting, ask: Ask) -> None:
        invoke = service(hosting, SETTINGS).operations["InvokeEndpointWithResponseStream"]
        call = Call("InvokeEndpointWithResponseStream", "r-1", "123456789012", "us-east-1", "AKID")
        answer = await invoke(call, {"EndpointName": "Scones", "Body": b"x"})
        assert not isinstance(answer, Answer)
        assert answer["ContentType"] == "application/json"
        assert answer["InvokedProductionVariant"] == "AllTraffic"
        events = [event async for event in answer["Body"]]
        assert events == [{"PayloadPart": {"Bytes": b"[0.9, 0.1]"}}]
        with pytest.raises(AwsError) as bad:
            await invoke(call, {"EndpointName": "Scones", "Body": b"bad"})
        assert bad.value.code == "ModelError"

    with_door(tmp_path, scenario)


def test_a_long_prediction_is_cut_into_parts() -> None:
    """Each part is at most 1 MiB, and an empty prediction is one empty part."""

    async def lengths(body: bytes) -> list[int]:
        return [len(event["PayloadPart"]["Bytes"]) async for event in parts_of(body)]

    assert asyncio.run(lengths(b"x" * 2_500_000)) == [1_048_576, 1_048_576, 402_848]
    assert asyncio.run(lengths(b"")) == [0]


def test_what_is_not_built_or_too_large_is_refused(tmp_path: Path) -> None:
    """A body over the limit and members of other kinds of endpoints are refused."""

    async def scenario(place: Place, hosting: Hosting, ask: Ask) -> None:
        with pytest.raises(LimitExceeded):
            await ask(Body=b"x" * 1001)
        with pytest.raises(InvalidInput, match="TargetModel"):
            await ask(Body=b"x", TargetModel="m.tar.gz")

    with_door(tmp_path, scenario)


def test_faults_have_the_codes_of_the_runtime() -> None:
    """Each kind of fault has its code and status."""
    faults: list[tuple[Rejected, str, int]] = [
        (LimitExceeded("Body", 7, 6_291_456, "bytes"), "413", 413),
        (Overloaded("later"), "ServiceUnavailable", 503),
        (InvalidInput("a", 1, "b"), "ValidationError", 400),
        (NotFound("endpoint", "e"), "ValidationError", 400),
    ]
    errors = [aws_error(fault) for fault, _, _ in faults]
    assert [(one.code, one.status) for one in errors] == [one[1:] for one in faults]
    assert errors[0].message == "HTTP content length exceeded 6291456 bytes."
