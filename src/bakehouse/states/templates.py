"""Payload templates: JSON whose keys ending in ``.$`` hold a path or an intrinsic function's call.

Templates are compiled once, when the machine is made, into functions from a scope to a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bakehouse.faults import StatesError
from bakehouse.states.intrinsics import CALLS, is_arity_right
from bakehouse.states.json_text import is_surely_too_large, to_text
from bakehouse.states.paths import BadPath, Path, PathMissing, parse_path
from bakehouse.states.problems import not_built, schema_problem
from bakehouse.states.reading import is_variable, read
from bakehouse.states.scope import Evaluate, Scope, runtime_error

_DEEPEST_TEMPLATE = 200
_DEEPEST_CALL = 10
_LONGEST_CALL = 10_000
_FEW_REFERENCES = 64
_CALL = re.compile(r"\s*States\.(\w+)\(\s*")
_LITERAL = re.compile(
    r"\s*(?:'((?:\\.|[^'\\])*)'|(-?\d+\.\d+(?:[eE][-+]?\d+)?)|(-?\d+)|(true|false|null)\b)",
    re.DOTALL,
)
_PATH = re.compile(
    r"\s*(\$(?:\[(?:'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|[^\]'\"])*\]|[^,)\[\s])*)"
)
_WORDS = {"true": True, "false": False, "null": None}


def compile_template(template: Any, where: str) -> Evaluate:
    """Compile a payload template.

    Args:
        template: any JSON; only keys that end in ``.$`` are expressions.
        where: its path in the definition, for messages.

    Raises:
        InvalidDefinition: an expression is not one, or two keys are the same without ``.$``.
    """
    evaluate = _compile(template, where, 0) or _constant(template)
    is_safe = to_text(template).count("$") <= _FEW_REFERENCES
    return evaluate if is_safe else _guarded(evaluate)


def _guarded(evaluate: Evaluate) -> Evaluate:
    """A template that could repeat its input many times is measured before it is written."""

    def evaluate_guarded(scope: Scope) -> Any:
        value = evaluate(scope)
        if is_surely_too_large(value):
            raise StatesError(
                "States.DataLimitExceeded",
                "A payload template gave a result with a size exceeding the maximum number of "
                "bytes service limit.",
            )
        return value

    return evaluate_guarded


def compile_expression(text: Any, field: str, where: str) -> Evaluate:
    """Compile a path, a context path or an intrinsic function's call.

    Args:
        text: what stands in the definition.
        field: the name that an error at run time gives to it (``value.$``).
        where: its path in the definition, for messages.

    Raises:
        InvalidDefinition: it is none of them.
    """
    if is_variable(text):
        raise not_built("variables", where)
    try:
        if isinstance(text, str) and text.startswith("$"):
            return _reader(parse_path(text), field)
        if isinstance(text, str) and text.startswith("States.") and len(text) <= _LONGEST_CALL:
            evaluate, end = _compile_call(text, 0, field, 0)
            if not text[end:].strip():
                return evaluate
    except ValueError as error:
        raise schema_problem(_not_an_expression(field, str(error)), where) from error
    raise schema_problem(_not_an_expression(field, ""), where)


def _not_an_expression(field: str, why: str) -> str:
    detail = f" ({why})" if why else ""
    return (
        f"The value for the field '{field}' must be a valid JSONPath or a valid intrinsic function "
        f"call{detail}"
    )


def _constant(value: Any) -> Evaluate:
    return lambda _: value


def _compile(template: Any, where: str, depth: int) -> Evaluate | None:
    """The function for a template, or None for one that holds no expression."""
    if depth > _DEEPEST_TEMPLATE:
        raise schema_problem(f"A template is nested at most {_DEEPEST_TEMPLATE} levels deep", where)
    if isinstance(template, Mapping):
        return _compile_object(template, where, depth)
    if isinstance(template, list):
        return _compile_array(template, where, depth)
    return None


def _compile_object(template: Mapping[str, Any], where: str, depth: int) -> Evaluate | None:
    members: dict[str, Evaluate] = {}
    is_constant = True
    for key, value in template.items():
        here = f"{where}/{key}"
        if key.endswith(".$"):
            name, evaluate = key[:-2], compile_expression(value, key, here)
        else:
            name, inner = key, _compile(value, here, depth + 1)
            is_constant = is_constant and inner is None
            evaluate = inner or _constant(value)
        is_constant = is_constant and name == key
        if name in members:
            raise schema_problem(f"The field '{name}' stands twice once '.$' is dropped", here)
        members[name] = evaluate
    if is_constant:
        return None
    return lambda scope: {name: evaluate(scope) for name, evaluate in members.items()}


def _compile_array(template: list[Any], where: str, depth: int) -> Evaluate | None:
    items = [_compile(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(template)]
    if not any(items):
        return None
    evaluates = [
        evaluate or _constant(item) for evaluate, item in zip(items, template, strict=True)
    ]
    return lambda scope: [evaluate(scope) for evaluate in evaluates]


def _reader(path: Path, field: str) -> Evaluate:
    def evaluate(scope: Scope) -> Any:
        try:
            return read(path, scope)
        except PathMissing as error:
            raise runtime_error(
                f"The JSONPath '{path.text}' specified for the field '{field}' could not be found "
                f"in the input '{to_text(scope.data)}'"
            ) from error

    return evaluate


# Calls: each function takes the text and where it stands, and gives what it compiled and the end.


def _compile_call(text: str, at: int, field: str, depth: int) -> tuple[Evaluate, int]:
    opening = _CALL.match(text, at)
    if opening is None or opening.group(1) not in CALLS:
        raise BadPath(f"character {at + 1} starts no intrinsic function that there is")
    if depth >= _DEEPEST_CALL:
        raise BadPath(f"calls are nested at most {_DEEPEST_CALL} deep")
    arguments, end = _compile_arguments(text, opening.end(), field, depth)
    name = opening.group(1)
    if not is_arity_right(name, len(arguments)):
        raise BadPath(f"States.{name} does not take {len(arguments)} arguments")
    call = CALLS[name]
    return (lambda scope: call(scope, [evaluate(scope) for evaluate in arguments])), end


def _compile_arguments(text: str, at: int, field: str, depth: int) -> tuple[list[Evaluate], int]:
    arguments: list[Evaluate] = []
    while not text.startswith(")", at):
        argument, at = _compile_argument(text, at, field, depth)
        arguments.append(argument)
        at += len(text[at:]) - len(text[at:].lstrip())
        if text.startswith(",", at):
            at += 1
        elif not text.startswith(")", at):
            raise BadPath(f"character {at + 1} should be a comma or close the call")
    return arguments, at + 1


def _compile_argument(text: str, at: int, field: str, depth: int) -> tuple[Evaluate, int]:
    if found := _LITERAL.match(text, at):
        return _constant(_literal(found)), found.end()
    if found := _PATH.match(text, at):
        return _reader(parse_path(found.group(1)), field), found.end()
    return _compile_call(text, at, field, depth + 1)


def _literal(found: re.Match[str]) -> Any:
    quoted, fraction, whole, word = found.groups()
    if quoted is not None:
        return re.sub(r"\\(['\\])", r"\1", quoted)
    if fraction is not None:
        return float(fraction)
    return int(whole) if whole is not None else _WORDS[word]
