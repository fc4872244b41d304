"""Constraints of the models, in AWS's words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bakehouse.wire.models import service_model
from bakehouse.wire.patterns import compiled_pattern
from bakehouse.wire.validation import MOST, Checks, as_java, violations_text


def violations(service: str, operation: str, params: dict[str, Any]) -> list[str]:
    """The sentences for what is wrong with an operation's parameters."""
    shape = service_model(service).operation_model(operation).input_shape
    found: list[str] = []
    Checks().check(shape)(params, "", found)
    return found


def test_sound_parameters_have_no_violation() -> None:
    """What AWS takes, we take."""
    assert violations("sagemaker", "DescribeTrainingJob", {"TrainingJobName": "job-1"}) == []


def test_a_missing_member_must_not_be_null() -> None:
    """A required member is named in lower camel case."""
    assert violations("sagemaker", "DescribeTrainingJob", {}) == [
        "Value null at 'trainingJobName' failed to satisfy constraint: Member must not be null"
    ]


def test_list_items_are_counted_from_one_and_called_member() -> None:
    """Paths into lists read as AWS writes them."""
    variant = {"VariantName": "AllTraffic", "ModelName": "ENTER MODEL NAME"}
    params = {"EndpointConfigName": "c", "ProductionVariants": [variant]}
    (text,) = violations("sagemaker", "CreateEndpointConfig", params)
    assert text.startswith(
        "Value 'ENTER MODEL NAME' at 'productionVariants.1.member.modelName' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: "
    )


@pytest.mark.parametrize(
    ("name", "constraint"),
    [
        ("x" * 64, "Member must have length less than or equal to 63"),
        ("-x", "Member must satisfy regular expression pattern: "),
        ("x\n", "Member must satisfy regular expression pattern: "),
    ],
)
def test_length_and_pattern_bind_the_whole_text(name: str, constraint: str) -> None:
    """A pattern must match from the first character to the last."""
    (text,) = violations("sagemaker", "DescribeTrainingJob", {"TrainingJobName": name})
    assert constraint in text


def test_an_empty_name_breaks_two_constraints() -> None:
    """Too short a text is told its length and its pattern."""
    found = violations("logs", "DeleteLogGroup", {"logGroupName": ""})
    start = "Value '' at 'logGroupName' failed to satisfy constraint: Member must "
    assert found == [
        f"{start}have length greater than or equal to 1",
        rf"{start}satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+",
    ]


def test_elements_of_a_list_are_told_of_the_list() -> None:
    """All constraints of the elements are named, and the whole list, once."""
    params = {"FunctionName": "f", "Layers": ["a", "b" * 141, "c" * 150]}
    (text,) = violations("lambda", "UpdateFunctionConfiguration", params)[:1]
    assert text.startswith(f"Value '[a, {'b' * 141}, {'c' * 150}]' at 'layers' failed to satisfy")
    assert "constraint: Member must satisfy constraint: [Member must have length less than" in text


def test_values_of_a_map_are_told_of_the_map() -> None:
    """AWS writes the map as Java does, and lists what each value must satisfy."""
    params = {"HyperParameters": {"a": "1", "b": "x" * 2501}}
    found = violations("sagemaker", "CreateTrainingJob", params)
    (text,) = [one for one in found if "hyperParameters" in one]
    assert text.startswith("Value '{a=1, b=xxx")
    assert text.endswith(
        "' at 'hyperParameters' failed to satisfy constraint: Map value must satisfy constraint: "
        "[Member must have length less than or equal to 2500, Member must have length greater than "
        "or equal to 0, Member must satisfy regular expression pattern: .*]"
    )


def test_keys_of_a_map_are_told_of_the_map() -> None:
    """The same goes for its keys."""
    params = {"HyperParameters": {"k" * 257: "1"}}
    found = violations("sagemaker", "CreateTrainingJob", params)
    (text,) = [one for one in found if "hyperParameters" in one]
    assert "Map keys must satisfy constraint: [Member must have length less than or equal" in text


def test_a_sensitive_value_is_not_shown() -> None:
    """A secret that breaks a constraint is not told in the message, nor what holds it."""
    params = {"FunctionName": "f", "Environment": {"Variables": {"1bad": "secret"}}}
    (text,) = violations("lambda", "UpdateFunctionConfiguration", params)
    assert text.startswith(
        "Value at 'environment.variables' failed to satisfy constraint: Map keys"
    )
    assert "secret" not in text


def test_an_unknown_enum_value_is_told_the_known_ones() -> None:
    """The message lists what is allowed."""
    params = {"name": "m", "definition": "{}", "roleArn": "arn", "type": "SLOW"}
    (text,) = violations("stepfunctions", "CreateStateMachine", params)
    assert text.endswith("Member must satisfy enum value set: [STANDARD, EXPRESS]")


def test_numbers_have_ranges() -> None:
    """A number out of its range is refused with the bound."""
    params = {"executionArn": "arn:x", "maxResults": 1001}
    (text,) = violations("stepfunctions", "GetExecutionHistory", params)
    assert text.endswith("Member must have value less than or equal to 1000")


def test_several_violations_are_one_message() -> None:
    """The message counts them."""
    assert violations_text(["a"]) == "1 validation error detected: a"
    assert violations_text(["a", "b"]) == "2 validation errors detected: a; b"


def test_a_parameter_that_the_model_does_not_know_is_named() -> None:
    """Calls from within are checked for misspelt parameters as well."""
    found = violations("lambda", "Invoke", {"FunctionName": "f", "Paylod": b""})
    assert found == ["Unknown parameter 'Paylod'"]


def test_violations_are_not_collected_without_end() -> None:
    """A list of a million bad items is refused for its first hundred."""
    params = {"EndpointConfigName": "c", "ProductionVariants": [{}] * 1_000_000}
    found = violations("sagemaker", "CreateEndpointConfig", params)
    assert MOST <= len(found) < 2 * MOST
    assert max(map(len, found)) < 2000


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (1.5, "1.5"),
        (b"abc", "java.nio.HeapByteBuffer[pos=0 lim=3 cap=3]"),
        (datetime(2026, 11, 3, 4, 5, 6, tzinfo=UTC), "Tue Nov 03 04:05:06 UTC 2026"),
        ([{"a": ["x", 1]}, {}], "[{a=[x, 1]}, {}]"),
        (["x" * 10] * 1_000_000, "[" + "xxxxxxxxxx, " * 10 + "xxxxxxxxxx]"),
    ],
)
def test_values_are_shown_as_java_does(value: Any, text: str) -> None:
    """Whatever is wrong is shown as the services write it, and not more of it than is needed."""
    assert as_java(value, 100) == text


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"\p{ASCII}*", "a~\x00", "é"),
        (r"\A\S[\p{Print}]*\z", "a b", "a\x01"),
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "Größe 1_a@b", "a#b"),
        (r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", "日本 語", "100%"),
        (r"[\p{Alnum}\p{Punct}]+", "a[1]`~", "a b"),
        (r"([\p{L}=]*)${1,128}", "a=b", "a b"),
        (r"[\w/]+", "a/b_1", "é"),
    ],
)
def test_javas_classes_of_characters(pattern: str, good: str, bad: str) -> None:
    """Tags and names that AWS refuses for a character of ASCII are refused."""
    compiled = compiled_pattern(pattern)
    assert compiled is not None
    assert compiled.fullmatch(good)
    assert not compiled.fullmatch(bad)
