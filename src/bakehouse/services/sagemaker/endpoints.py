"""SageMaker's operations on models, endpoint configurations and endpoints."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial, wraps

from bakehouse import clock
from bakehouse.faults import AlreadyExists, Conflict, NotFound, Rejected
from bakehouse.hosting import Hosting
from bakehouse.hosting.types import Endpoint, EndpointConfig, Model
from bakehouse.registry import Tags
from bakehouse.services.sagemaker.endpoint_shapes import (
    config_from_request,
    config_to_response,
    endpoint_to_response,
    model_from_request,
    model_to_response,
)
from bakehouse.services.sagemaker.listing import Row, page
from bakehouse.services.sagemaker.tags import first_tags
from bakehouse.services.sagemaker.waiting import Pending, Waiting
from bakehouse.wire.types import Answer, AwsError, Call, Operation, Params

_ARN_KIND = {
    "model": "model",
    "endpoint configuration": "endpoint-config",
    "endpoint": "endpoint",
}


def operations(hosting: Hosting, waiting: Waiting, tags: Tags) -> dict[str, Operation]:
    """Operation name → what does it, for all that concerns endpoints."""
    door = _Door(hosting, waiting, tags)
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

    def __init__(self, hosting: Hosting, waiting: Waiting, tags: Tags) -> None:
        self._hosting, self._waiting, self._tags = hosting, waiting, tags

    async def create_model(self, call: Call, params: Params) -> Params:
        model = model_from_request(params)
        arn = self._arn(model)
        await self._hosting.create_model(model, first_tags(self._tags, arn, params))
        return {"ModelArn": arn}

    async def describe_model(self, call: Call, params: Params) -> Params:
        model = self._hosting.models.find(params["ModelName"])
        return model_to_response(model, self._arn(model))

    async def delete_model(self, call: Call, params: Params) -> Params:
        gone = self._tags.gone(self._hosting.arn("model", params["ModelName"]))
        await self._hosting.models.remove(params["ModelName"], gone)
        return {}

    async def list_models(self, call: Call, params: Params) -> Params:
        return page(params, "Models", self._rows("Model", self._hosting.models.all()))

    async def create_config(self, call: Call, params: Params) -> Params:
        config = config_from_request(params)
        arn = self._arn(config)
        await self._hosting.create_config(config, first_tags(self._tags, arn, params))
        return {"EndpointConfigArn": arn}

    async def describe_config(self, call: Call, params: Params) -> Params:
        config = self._hosting.configs.find(params["EndpointConfigName"])
        return config_to_response(config, self._arn(config))

    async def delete_config(self, call: Call, params: Params) -> Params:
        name = params["EndpointConfigName"]
        gone = self._tags.gone(self._hosting.arn("endpoint-config", name))
        await self._hosting.configs.remove(name, gone)
        return {}

    async def list_configs(self, call: Call, params: Params) -> Params:
        rows = self._rows("EndpointConfig", self._hosting.configs.all())
        return page(params, "EndpointConfigs", rows)

    async def create_endpoint(self, call: Call, params: Params) -> Params:
        name = params["EndpointName"]
        arn = self._hosting.arn("endpoint", name)
        tags = first_tags(self._tags, arn, params)
        await self._hosting.create_endpoint(name, params["EndpointConfigName"], tags)
        return {"EndpointArn": arn}

    async def describe_endpoint(self, call: Call, params: Params) -> Params | Answer:
        endpoint = self._hosting.endpoints.find(params["EndpointName"])
        if endpoint.status not in ("Creating", "Updating"):
            return endpoint_to_response(endpoint, self._arn(endpoint))
        return self._waiting.answer(call, self._pending(endpoint))

    def _pending(self, endpoint: Endpoint) -> Pending:
        """An endpoint's change as something to wait for."""
        name = endpoint.name

        def tell() -> Params:
            try:
                now = self._hosting.endpoints.find(name)
            except NotFound:  # it was deleted; the next call says so
                now = endpoint
            return endpoint_to_response(now, self._arn(now))

        return Pending(
            f"endpoint/{name.lower()}",
            (clock.epoch_ms() - endpoint.modified_ms) / 1000,
            tell=tell,
            over=partial(self._hosting.settled, name),
            news=lambda: 0,
            changed=lambda _, timeout_s: self._hosting.settled(name, timeout_s),
        )

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
        gone = self._tags.gone(self._hosting.arn("endpoint", params["EndpointName"]))
        await self._hosting.delete_endpoint(params["EndpointName"], gone)
        return {}

    async def list_endpoints(self, call: Call, params: Params) -> Params:
        return page(params, "Endpoints", self._rows("Endpoint", self._hosting.endpoints.all()))

    def _rows(self, prefix: str, things: Iterable[Model | EndpointConfig | Endpoint]) -> list[Row]:
        return [_row(prefix, thing, self._arn(thing)) for thing in things]

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


def _row(prefix: str, thing: Model | EndpointConfig | Endpoint, arn: str) -> Row:
    """A thing as its List operation filters, sorts and shows it."""

    def show() -> Params:
        summary: Params = {
            f"{prefix}Name": thing.name,
            f"{prefix}Arn": arn,
            "CreationTime": clock.from_epoch_ms(thing.created_ms),
        }
        if isinstance(thing, Endpoint):
            summary["LastModifiedTime"] = clock.from_epoch_ms(thing.modified_ms)
            summary["EndpointStatus"] = thing.status
        return summary

    if isinstance(thing, Endpoint):
        return Row(thing.name, thing.created_ms, show, thing.modified_ms, thing.status)
    return Row(thing.name, thing.created_ms, show)
