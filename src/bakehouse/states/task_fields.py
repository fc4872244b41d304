"""The fields that only a Task has: what it calls, and what it does about errors.

As in :mod:`bakehouse.states.fields`, each function checks one field and compiles it, or raises
``InvalidDefinition``.
"""

from __future__ import annotations

import re
from typing import Any

from bakehouse.faults import shorten
from bakehouse.states.fields import (
    Fields,
    checked_text,
    number,
    refuse_unknown,
    require,
    result_path,
    whole_number,
)
from bakehouse.states.machine import Resource
from bakehouse.states.problems import not_built, schema_problem
from bakehouse.states.retry import Catcher, Retrier
from bakehouse.states.scope import Evaluate
from bakehouse.states.templates import compile_template

_FUNCTION = re.compile(
    r"arn:aws[\w-]*:lambda:[a-z0-9-]+:\d{12}:function:[a-zA-Z0-9_-]{1,140}(?::[a-zA-Z0-9$_-]{1,129})?"
)
_INVOKE = re.compile(r"arn:aws[\w-]*:states:::lambda:invoke")
_KNOWN_BY_AWS = re.compile(r"arn:aws[\w-]*:states:(?::[\w:.-]+|[a-z0-9-]+:\d{12}:activity:.+)")
_INVOKE_FIELDS = {
    "FunctionName",
    "Payload",
    "InvocationType",
    "Qualifier",
    "ClientContext",
    "LogType",
}


def resource(value: Any, where: str) -> Resource:
    """What a Task's ``Resource`` names: a Lambda function, or ``lambda:invoke``."""
    if isinstance(value, str) and _FUNCTION.fullmatch(value):
        return Resource("function", value)
    if isinstance(value, str) and _INVOKE.fullmatch(value):
        return Resource("invoke", value)
    if isinstance(value, str) and _KNOWN_BY_AWS.fullmatch(value):
        raise not_built(f"the resource {shorten(value)}", where)
    raise schema_problem(
        f"The resource provided {shorten(str(value))} is not recognized. The value is not a valid "
        "resource ARN, or the resource is not available in this region.",
        where,
    )


def credentials(given: Fields, where: str) -> Evaluate | None:
    """``Credentials``: the role under which AWS would call; it is shown in the history."""
    if "Credentials" not in given:
        return None
    template, here = given["Credentials"], f"{where}/Credentials"
    if not isinstance(template, dict) or not {"RoleArn", "RoleArn.$"} & template.keys():
        raise schema_problem("The field 'RoleArn' is required but was missing", here)
    evaluate = compile_template(template, here)
    return lambda scope: checked_text(evaluate(scope)["RoleArn"], "RoleArn")


def check_invoke(parameters: Any, where: str) -> None:
    """Refuse parameters of ``lambda:invoke`` that name no function or that it does not have."""
    given = parameters if isinstance(parameters, dict) else {}
    names = [name.removesuffix(".$") for name in given]
    if "FunctionName" not in names:
        raise schema_problem("The field 'FunctionName' is required but was missing", where)
    for name in names:
        if name not in _INVOKE_FIELDS:
            raise schema_problem(f"The field '{name}' is not supported by Step Functions", where)


# Errors


def retriers(given: Fields, where: str) -> tuple[Retrier, ...]:
    """``Retry``: in the order in which they are tried."""
    rules = _rules(given, "Retry", where)
    return tuple(_retrier(rule, here) for rule, here in rules)


def catchers(given: Fields, where: str) -> tuple[Catcher, ...]:
    """``Catch``: in the order in which they are tried."""
    return tuple(_catcher(rule, here) for rule, here in _rules(given, "Catch", where))


def _rules(given: Fields, name: str, where: str) -> list[tuple[Fields, str]]:
    rules = given.get(name, [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise schema_problem("Value is not an array of objects", f"{where}/{name}")
    placed = [(rule, f"{where}/{name}[{i}]") for i, rule in enumerate(rules)]
    for rule, here in placed:
        _check_errors(rule, here, is_last=rule is rules[-1])
    return placed


def _check_errors(rule: Fields, where: str, *, is_last: bool) -> None:
    require(rule, ("ErrorEquals",), where)
    errors = rule["ErrorEquals"]
    if not isinstance(errors, list) or not errors or not all(isinstance(e, str) for e in errors):
        raise schema_problem("Value is not a non-empty array of strings", f"{where}/ErrorEquals")
    if "States.ALL" in errors and (len(errors) > 1 or not is_last):
        raise schema_problem(
            "States.ALL must stand alone, in the last object of its array", f"{where}/ErrorEquals"
        )


_RETRIER_FIELDS = {
    "ErrorEquals",
    "IntervalSeconds",
    "MaxAttempts",
    "BackoffRate",
    "MaxDelaySeconds",
    "JitterStrategy",
    "Comment",
}


def _retrier(rule: Fields, where: str) -> Retrier:
    refuse_unknown(rule, _RETRIER_FIELDS, where)
    jitter = rule.get("JitterStrategy", "NONE")
    if jitter not in ("FULL", "NONE"):
        raise schema_problem("Value is not one of [FULL, NONE]", f"{where}/JitterStrategy")
    interval = whole_number(rule, "IntervalSeconds", where, least=1)
    attempts = whole_number(rule, "MaxAttempts", where, least=0)
    rate = number(rule, "BackoffRate", where, least=1.0)
    longest = whole_number(rule, "MaxDelaySeconds", where, least=1, most=31_622_399)
    if longest is not None and longest <= (interval or 1):
        raise schema_problem("Value is not larger than IntervalSeconds", f"{where}/MaxDelaySeconds")
    return Retrier(
        tuple(rule["ErrorEquals"]),
        1.0 if interval is None else float(interval),
        3 if attempts is None else attempts,
        2.0 if rate is None else rate,
        None if longest is None else float(longest),
        jitter == "FULL",
    )


def _catcher(rule: Fields, where: str) -> Catcher:
    for name, what in (("Assign", "variables"), ("Output", "JSONata")):
        if name in rule:
            raise not_built(f"{what} (the field '{name}')", f"{where}/{name}")
    refuse_unknown(rule, {"ErrorEquals", "Next", "ResultPath", "Comment"}, where)
    require(rule, ("Next",), where)
    return Catcher(tuple(rule["ErrorEquals"]), rule["Next"], result_path(rule, where))
