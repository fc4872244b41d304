"""Constraints of the models, in AWS's words."""

from __future__ import annotations

from typing import Any

import pytest

from bakehouse.wire.models import service_model
from bakehouse.wire.validation import MOST, Checks, violations_text


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
