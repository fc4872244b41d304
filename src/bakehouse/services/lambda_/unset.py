"""What tools ask of every function and no function has here: the answers of one without it.

Versions, aliases, reserved or provisioned concurrency, URLs, code signing, event sources and
destinations cannot be made (each Create… or Put… is refused by name), so that these tell of none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bakehouse.functions.definition import Function, spoken_name
from bakehouse.functions.functions import Functions
from bakehouse.services.lambda_.shapes import function_to_response
from bakehouse.wire.types import AwsError, Call, Params

Run = Callable[[Functions, Call, Params], Awaitable[Params]]


def _of_function(tell: Callable[[Function, str], Params]) -> Run:
    """An operation that tells something of a function that there is, given it and its ARN."""

    async def run(functions: Functions, call: Call, params: Params) -> Params:
        name, qualifier = spoken_name(params["FunctionName"], params.get("Qualifier"))
        return tell(functions.get(name, qualifier), functions.arn(name, qualifier))

    return run


def _empty(member: str) -> Run:
    return _of_function(lambda function, arn: {member: []})


def _absent(sentence: str) -> Run:
    def tell(function: Function, arn: str) -> Params:
        text = sentence.format(arn=arn)
        raise AwsError("ResourceNotFoundException", text, 404, {"Type": "User"})

    return _of_function(tell)


def _versions(function: Function, arn: str) -> Params:
    return {"Versions": [function_to_response(function, f"{arn}:$LATEST")]}


async def _list_event_source_mappings(functions: Functions, call: Call, params: Params) -> Params:
    return {"EventSourceMappings": []}


OPERATIONS: dict[str, Run] = {
    "GetFunctionCodeSigningConfig": _of_function(
        lambda function, arn: {"FunctionName": function.name}
    ),
    "GetFunctionConcurrency": _of_function(lambda function, arn: {}),
    "GetFunctionEventInvokeConfig": _absent("The function {arn} doesn't have an EventInvokeConfig"),
    "GetFunctionRecursionConfig": _of_function(lambda function, arn: {"RecursiveLoop": "Allow"}),
    "GetFunctionUrlConfig": _absent("The resource you requested does not exist."),
    "GetRuntimeManagementConfig": _of_function(
        lambda function, arn: {"UpdateRuntimeOn": "Auto", "FunctionArn": arn}
    ),
    "ListAliases": _empty("Aliases"),
    "ListEventSourceMappings": _list_event_source_mappings,
    "ListFunctionEventInvokeConfigs": _empty("FunctionEventInvokeConfigs"),
    "ListFunctionUrlConfigs": _empty("FunctionUrlConfigs"),
    "ListProvisionedConcurrencyConfigs": _empty("ProvisionedConcurrencyConfigs"),
    "ListVersionsByFunction": _of_function(_versions),
}
"""Operation name → what answers it."""
