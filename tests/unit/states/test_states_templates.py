"""Payload templates and intrinsic functions."""

from __future__ import annotations

import json
import random
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakehouse.faults import StatesError
from bakehouse.states.problems import InvalidDefinition
from bakehouse.states.scope import Scope
from bakehouse.states.templates import compile_expression, compile_template

INPUT = {"name": "van", "n": 3, "items": [1, 2, 3, 2], "deep": {"x": [{"y": True}]}, "text": "a,b"}


def evaluate(template: Any, data: Any = None) -> Any:
    scope = Scope(
        INPUT if data is None else data,
        lambda: {"Execution": {"Name": "run-1"}},
        random.Random(7),
    )
    return compile_template(template, "/States/X/Parameters")(scope)


def call(text: str, data: Any = None) -> Any:
    return evaluate({"r.$": text}, data)["r"]


def test_only_keys_that_end_in_a_dollar_are_expressions() -> None:
    """Everything else is passed on as it stands, at any depth."""
    template = {
        "a.$": "$.name",
        "b": "$.name",
        "c": [{"d.$": "$.deep.x[0].y"}, "$", 1.0],
        "e": {"f.$": "$$.Execution.Name"},
    }
    assert evaluate(template) == {
        "a": "van",
        "b": "$.name",
        "c": [{"d": True}, "$", 1.0],
        "e": {"f": "run-1"},
    }


def test_a_path_to_nothing_ends_with_the_field_and_the_input() -> None:
    """The error at run time is AWS's sentence."""
    with pytest.raises(StatesError) as failed:
        evaluate({"a": {"value.$": "$.none"}}, {"int": 0})
    assert failed.value.error == "States.Runtime"
    assert failed.value.cause == (
        "The JSONPath '$.none' specified for the field 'value.$' could not be found in the input "
        "'{\"int\":0}'"
    )


@pytest.mark.parametrize(
    "template",
    [
        {"a.$": "name"},
        {"a.$": 1},
        {"a.$": "$.x["},
        {"a.$": "States.Nothing()"},
        {"a.$": "States.Format('x'"},
        {"a.$": "States.MathAdd(1)"},
        {"a.$": "States.Format('x') trailing"},
        {"a.$": "$.n", "a": 1},
        {"a.$": "States.Array(" * 12 + ")" * 12},
        {"a.$": "$variable"},
    ],
)
def test_what_is_no_expression_is_refused_when_it_is_compiled(template: Any) -> None:
    """The refusal names the field's place in the definition."""
    with pytest.raises(InvalidDefinition) as refused:
        compile_template(template, "/States/X/Parameters")
    assert refused.value.where.startswith("/States/X/Parameters")


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("States.Format('Hello {}, {} and {}', $.name, 1.0, null)", "Hello van, 1.0 and null"),
        (r"States.Format('it\'s \{{}\}', $.n)", "it's {3}"),
        ("States.Format('{}', $.deep)", "{x=[{y=true}]}"),
        ("States.StringToJson('{\"a\": [1.0, 2]}')", {"a": [1.0, 2]}),
        ("States.StringToJson(' ')", None),
        ("States.JsonToString($.deep)", '{"x":[{"y":true}]}'),
        ("States.Array()", []),
        ("States.Array($.n, 'x', true, -1.5)", [3, "x", True, -1.5]),
        ("States.ArrayPartition($.items, 3)", [[1, 2, 3], [2]]),
        ("States.ArrayContains($.items, 2)", True),
        ("States.ArrayContains($.items, true)", False),
        ("States.ArrayRange(1, 9, 4)", [1, 5, 9]),
        ("States.ArrayRange(3, 1, -1)", [3, 2, 1]),
        ("States.ArrayGetItem($.items, 1)", 2),
        ("States.ArrayLength($.items)", 4),
        ("States.ArrayUnique($.items)", [1, 2, 3]),
        ("States.Base64Encode('käse')", "a8Okc2U="),
        ("States.Base64Decode('a8Okc2U=')", "käse"),
        ("States.Hash('a', 'MD5')", "0cc175b9c0f1b6a831c399e269772661"),
        ("States.JsonMerge($.deep, States.StringToJson('{\"z\":1}'), false)", None),
        ("States.MathAdd(1.5, -1.5)", 1),
        ("States.StringSplit('a.b,,c', '.,')", ["a", "b", "c"]),
        ("States.ArrayGetItem(States.StringSplit($.text, ','), States.MathAdd(0, 1))", "b"),
    ],
)
def test_an_intrinsic_function_gives_its_result(text: str, result: Any) -> None:
    """Each function of the table, with AWS's rounding and splitting."""
    if "JsonMerge" in text:
        result = {"x": [{"y": True}], "z": 1}
    assert call(text) == result


@pytest.mark.parametrize(
    "text",
    [
        "States.Format('{} {}', 1)",
        "States.Format($.n, 1)",
        "States.StringToJson('{')",
        "States.ArrayPartition($.items, 0)",
        "States.ArrayRange(1, 9, 0)",
        "States.ArrayRange(1, 99999, 1)",
        "States.ArrayRange(0, 100000000000000000000000000000, 1)",
        "States.ArrayGetItem($.items, 4)",
        "States.ArrayGetItem($.items, -1)",
        "States.ArrayLength($.n)",
        "States.Base64Decode('?')",
        "States.Hash('a', 'CRC')",
        "States.JsonMerge($.deep, $.deep, true)",
        "States.MathRandom(5, 5)",
        "States.MathAdd('1', 1)",
    ],
)
def test_a_bad_argument_is_an_intrinsic_failure(text: str) -> None:
    """The error can be caught by its name."""
    with pytest.raises(StatesError) as failed:
        call(text)
    assert failed.value.error == "States.IntrinsicFailure"


def test_random_values_come_from_the_scope() -> None:
    """The same chance gives the same numbers and ids; a seed gives the same number always."""
    first, second = call("States.UUID()"), call("States.UUID()")
    assert first == second
    assert uuid.UUID(first).version == 4
    assert 5 <= call("States.MathRandom(5, 8)") < 8
    assert call("States.MathRandom(0, 999, 3)") == call("States.MathRandom(0, 999, 3)")


def test_a_template_that_repeats_its_input_is_measured_before_it_is_written() -> None:
    """A thousand copies of a large input end as States.DataLimitExceeded, at once."""
    large = {"text": "x" * 100_000}
    template = {f"k{i}.$": "$" for i in range(1000)}
    with pytest.raises(StatesError) as failed:
        evaluate(template, large)
    assert failed.value.error == "States.DataLimitExceeded"


def test_json_to_string_of_many_copies_fails_before_it_is_written() -> None:
    """Nested calls cannot grow a text without bound."""
    copies = ", ".join(["$"] * 500)
    with pytest.raises(StatesError):
        call(f"States.JsonToString(States.Array({copies}))", "x" * 100_000)


def test_an_expression_alone_may_be_a_path_or_a_call() -> None:
    """ErrorPath and CausePath take both."""
    scope = Scope(INPUT, dict, random.Random(1))
    assert compile_expression("$.name", "ErrorPath", "/x")(scope) == "van"
    assert compile_expression("States.Format('{}', $.n)", "CausePath", "/x")(scope) == "3"


def test_a_large_template_compiles() -> None:
    """Templates of many keys are read in time proportional to their size."""
    template = {f"k{i}.$": f"States.Format('{{}}', $.k{i})" for i in range(2000)}
    data = {f"k{i}": i for i in range(2000)}
    assert evaluate(json.loads(json.dumps(template)), data)["k1999"] == "1999"


@given(st.text("$.S()[]'\"\\,{}?@!=<>&|*:0123456789 aFormatesry-", max_size=60))
def test_any_text_is_an_expression_or_is_refused(text: str) -> None:
    """Nothing but a refusal or a States error ever comes of what somebody writes."""
    for expression in (text, f"$.{text}", f"$[?({text})]", f"States.Array({text})"):
        try:
            evaluate({"r.$": expression})
        except (InvalidDefinition, StatesError):
            continue
