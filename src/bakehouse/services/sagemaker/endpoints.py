"""SageMaker's operations on models, endpoint configurations and endpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import wraps

from bakehouse import clock
from bakehouse.faults import AlreadyExists, Conflict, InvalidInput, NotFound, Rejected
from bakehouse.hosting import Hosting
from bakehouse.hosting.types import Endpoint, EndpointConfig, Model
from bakehouse.services.sagemaker.endpoint_shapes import (
    config_from_request,
    config_to_response,
    endpoint_to_response,
    model_from_request,
    model_to_response,
)
from bakehouse.wire.types import Answer, AwsError, Call, Operation, Params

_ARN_KIND = {
    "model": "model",
    "endpoint configuration": "endpoint-config",
    "endpoint": "endpoint",
}
_PAGE = 10


def operations(hosting: Hosting) -> dict[str, Operation]:
    """Operation name → what does it, for all that concerns endpoints."""
    door = _Door(hosting)
    table: dict[str, Operation] = {
        "CreateModel": door.create_model,
        "DescribeModel": door.describe_model,
        "DeleteModel": door.delete_model,
        "ListModels": door.list_models,
        "CreateEndpointConfig": door.create_config,
        "DescribeEndpointConfig": door.describe_config,
        "DeleteEndpointConfig": door.delete_config,
        "ListEndpointConfigs": door.list_configs,
        "CreateEndpoint": door.create_endpoint,
        "DescribeEndpoint": door.describe_endpoint,
        "UpdateEndpoint": door.update_endpoint,
        "DeleteEndpoint": door.delete_endpoint,
        "ListEndpoints": door.list_endpoints,
    }
    return {name: _spelled(operation, hosting) for name, operation in table.items()}


class _Door:
    """The operations, over one :class:`Hosting`."""

    def __init__(self, hosting: Hosting) -> None:
        self._hosting = hosting

    async def create_model(self, call: Call, params: Params) -> Params:
        model = model_from_request(params)
        await self._hosting.create_model(model)
        return {"ModelArn": self._arn(model)}

    async def describe_model(self, call: Call, params: Params) -> Params:
        model = self._hosting.models.find(params["ModelName"])
        return model_to_response(model, self._arn(model))

    async def delete_model(self, call: Call, params: Params) -> Params:
        await self._hosting.models.remove(params["ModelName"])
        return {}

    async def list_models(self, call: Call, params: Params) -> Params:
        return _page(params, "Models", "Model", self._hosting.models.all(), self._arn)

    async def create_config(self, call: Call, params: Params) -> Params:
        config = config_from_request(params)
        await self._hosting.create_config(config)
        return {"EndpointConfigArn": self._arn(config)}

    async def describe_config(self, call: Call, params: Params) -> Params:
        config = self._hosting.configs.find(params["EndpointConfigName"])
        return config_to_response(config, self._arn(config))

    async def delete_config(self, call: Call, params: Params) -> Params:
        await self._hosting.configs.remove(params["EndpointConfigName"])
        return {}

    async def list_configs(self, call: Call, params: Params) -> Params:
        configs = self._hosting.configs.all()
        return _page(params, "EndpointConfigs", "EndpointConfig", configs, self._arn)

    async def create_endpoint(self, call: Call, params: Params) -> Params:
        name = params["EndpointName"]
        await self._hosting.create_endpoint(name, params["EndpointConfigName"])
        return {"EndpointArn": self._hosting.arn("endpoint", name)}

    async def describe_endpoint(self, call: Call, params: Params) -> Params:
        endpoint = self._hosting.endpoints.find(params["EndpointName"])
        return endpoint_to_response(endpoint, self._arn(endpoint))

    async def update_endpoint(self, call: Call, params: Params) -> Params:
        name = params["EndpointName"]
        excluded = params.get("ExcludeRetainedVariantProperties", [])
        await self._hosting.update_endpoint(
            name,
            params["EndpointConfigName"],
            retain=params.get("RetainAllVariantProperties", False),
            excluded=[one["VariantPropertyType"] for one in excluded],
        )
        return {"EndpointArn": self._hosting.arn("endpoint", name)}

    async def delete_endpoint(self, call: Call, params: Params) -> Params:
        await self._hosting.delete_endpoint(params["EndpointName"])
        return {}

    async def list_endpoints(self, call: Call, params: Params) -> Params:
        endpoints = self._hosting.endpoints.all()
        return _page(params, "Endpoints", "Endpoint", endpoints, self._arn)

    def _arn(self, thing: Model | EndpointConfig | Endpoint) -> str:
        kinds = {Model: "model", EndpointConfig: "endpoint-config", Endpoint: "endpoint"}
        return self._hosting.arn(kinds[type(thing)], thing.name)


def _spelled(operation: Operation, hosting: Hosting) -> Operation:
    """The operation, with refusals in SageMaker's own sentences."""

    @wraps(operation)
    async def door(call: Call, params: Params) -> Params | Answer:
        try:
            return await operation(call, params)
        except (NotFound, AlreadyExists, Conflict) as refused:
            raise AwsError("ValidationException", _sentence(refused, hosting)) from refused

    return door


def _sentence(refused: Rejected, hosting: Hosting) -> str:
    match refused:
        case NotFound(kind=kind, name=name):
            return f'Could not find {kind} "{hosting.arn(_ARN_KIND[kind], name)}".'
        case AlreadyExists(kind=kind, name=name):
            return f'Cannot create already existing {kind} "{hosting.arn(_ARN_KIND[kind], name)}".'
        case Conflict(name=name, state="Creating" | "Updating"):
            return f'Cannot update in-progress endpoint "{hosting.arn("endpoint", name)}".'
    return refused.message


def _page(
    params: Params,
    member: str,
    prefix: str,
    things: Iterable[Model | EndpointConfig | Endpoint],
    arn: Callable[[Model | EndpointConfig | Endpoint], str],
) -> Params:
    """A List operation's answer: filtered, sorted, and cut to the page that is asked for."""
    rows = [_summary(prefix, thing, arn(thing)) for thing in things]
    kept = [row for row in rows if _is_wanted(row, params, prefix)]
    by = {"Name": f"{prefix}Name", "Status": f"{prefix}Status"}.get(
        params.get("SortBy", "CreationTime"), "CreationTime"
    )
    kept.sort(key=lambda row: row[by], reverse=params.get("SortOrder", "Descending") != "Ascending")
    start, size = _start(params.get("NextToken")), params.get("MaxResults", _PAGE)
    answer: Params = {member: kept[start : start + size]}
    if start + size < len(kept):
        answer["NextToken"] = str(start + size)
    return answer


def _summary(prefix: str, thing: Model | EndpointConfig | Endpoint, arn: str) -> Params:
    row: Params = {
        f"{prefix}Name": thing.name,
        f"{prefix}Arn": arn,
        "CreationTime": clock.from_epoch_ms(thing.created_ms),
    }
    if isinstance(thing, Endpoint):
        row["LastModifiedTime"] = clock.from_epoch_ms(thing.modified_ms)
        row["EndpointStatus"] = thing.status
    return row


def _is_wanted(row: Params, params: Params, prefix: str) -> bool:
    if params.get("NameContains", "").lower() not in row[f"{prefix}Name"].lower():
        return False
    if params.get("StatusEquals") not in (None, row.get("EndpointStatus")):
        return False
    return all(_is_between(row, params, time) for time in ("CreationTime", "LastModifiedTime"))


def _is_between(row: Params, params: Params, time: str) -> bool:
    if time not in row:
        return True
    at: datetime = row[time]
    after, before = params.get(f"{time}After", at), params.get(f"{time}Before", at)
    return bool(after <= at <= before)


def _start(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isascii() or not token.isdigit():
        raise InvalidInput("nextToken", token, "the NextToken of an earlier answer")
    return int(token)
