"""SageMaker Runtime: the door through which endpoints are invoked."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bakehouse.faults import (
    InvalidInput,
    LimitExceeded,
    ModelFailed,
    NotFound,
    Rejected,
)
from bakehouse.hosting import Hosting
from bakehouse.hosting.types import Invocation, Overloaded, Prediction
from bakehouse.settings import Settings
from bakehouse.storage.log_info import group_arn
from bakehouse.wire.types import AwsError, Call, Params, Service

_NOT_BUILT = (
    "TargetModel",
    "TargetContainerHostname",
    "InferenceComponentName",
    "EnableExplanations",
    "SessionId",
    "PrefixAwareId",
)
_PART_BYTES = 1 << 20


def service(hosting: Hosting, settings: Settings) -> Service:
    """The door over the endpoints of a server."""

    async def invoked(params: Params) -> Params:
        name = params["EndpointName"]
        asked = _invocation_from_request(params, settings.invocation_bytes)
        try:
            return _prediction_to_response(await hosting.invoke(name, asked))
        except ModelFailed as failed:
            raise _model_error(failed, name, settings) from failed
        except NotFound as missing:
            raise _not_found(missing, name, settings) from missing

    async def invoke_endpoint(call: Call, params: Params) -> Params:
        return await invoked(params)

    async def invoke_endpoint_with_response_stream(call: Call, params: Params) -> Params:
        answered = await invoked(params)
        return {**answered, "Body": parts_of(answered["Body"])}

    return Service(
        name="sagemaker-runtime",
        signing_name="sagemaker",
        operations={
            "InvokeEndpoint": invoke_endpoint,
            "InvokeEndpointWithResponseStream": invoke_endpoint_with_response_stream,
        },
        aws_error=aws_error,
        invalid_code="ValidationError",
    )


def aws_error(fault: Rejected) -> AwsError:
    """A rejection in SageMaker Runtime's words: ``ValidationError``, not ``…Exception``."""
    match fault:
        case LimitExceeded(limit=limit):
            return AwsError("413", f"HTTP content length exceeded {limit:.0f} bytes.", 413)
        case Overloaded():
            return AwsError("ServiceUnavailable", fault.message, 503)
    return AwsError("ValidationError", fault.message)


def _invocation_from_request(params: Params, limit_bytes: int) -> Invocation:
    for member in _NOT_BUILT:
        if member in params:
            raise InvalidInput(member, params[member], "nothing: the endpoint has one model")
    body = params.get("Body", b"")
    if len(body) > limit_bytes:
        raise LimitExceeded("Body", len(body), limit_bytes, "bytes")
    return Invocation(
        body=body,
        content_type=params.get("ContentType"),
        accept=params.get("Accept"),
        target_variant=params.get("TargetVariant"),
        inference_id=params.get("InferenceId"),
        custom_attributes=params.get("CustomAttributes"),
    )


def _prediction_to_response(answered: Prediction) -> Params:
    return {
        "Body": answered.body,
        "ContentType": answered.content_type,
        "InvokedProductionVariant": answered.variant,
    }


async def parts_of(body: bytes) -> AsyncIterator[Params]:
    """A whole prediction as the events of a stream: our models have all of it at once."""
    for start in range(0, max(1, len(body)), _PART_BYTES):
        yield {"PayloadPart": {"Bytes": body[start : start + _PART_BYTES]}}


def _not_found(missing: NotFound, endpoint: str, settings: Settings) -> AwsError:
    if missing.kind == "variant":
        return AwsError(
            "ValidationError", f"Variant {missing.name} not found for Endpoint {endpoint}."
        )
    return AwsError(
        "ValidationError", f"Endpoint {endpoint} of account {settings.account_id} not found."
    )


def _model_error(failed: ModelFailed, endpoint: str, settings: Settings) -> AwsError:
    """ModelError, with the sentence that names the answer of the container and where its log is."""
    region, account = settings.region, settings.account_id
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    side = "client" if 400 <= failed.status < 500 else "server"
    return AwsError(
        "ModelError",
        f'Received {side} error ({failed.status}) from primary with message "{failed.body}". '
        f"See https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
        f"#logEventViewer:group={group} in account {account} for more information.",
        424,
        {
            "OriginalStatusCode": failed.status,
            "OriginalMessage": failed.body,
            "LogStreamArn": group_arn(region, account, group),
        },
    )
