"""What a target is given of an event."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bakehouse.faults import InvalidInput
from bakehouse.notifications.inputs import Shape, check_shape, input_of

EVENT: dict[str, Any] = {
    "id": "1",
    "source": "aws.s3",
    "time": "2026-11-23T06:22:48Z",
    "detail": {"object": {"key": 'a "b"\\c', "size": 3, "tags": ["x", "y"]}, "a.b": True},
}


def made(**shape: Any) -> Any:
    """The input of a target of this shape, read again."""
    given = Shape(**shape)
    check_shape(given)
    return json.loads(input_of(given, EVENT, rule_name="r", rule_arn="arn:rule"))


def test_a_target_is_given_the_event() -> None:
    """All of it, unless it says otherwise."""
    assert made() == EVENT


def test_a_target_may_be_given_a_constant() -> None:
    """Whatever happened."""
    assert made(constant='{"always": 1}') == {"always": 1}


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("$", EVENT),
        ("$.detail.object.size", 3),
        ("$.detail.object.tags[1]", "y"),
        ("$.detail['a.b']", True),
        ("$.detail.missing", None),
        ("$.detail.object.tags[7]", None),
    ],
)
def test_a_target_may_be_given_a_part(path: str, part: Any) -> None:
    """Found by a path; null where there is none."""
    assert made(path=path) == part


def test_a_template_is_filled() -> None:
    """With JSON, and within a string with its bare text, escaped as a string needs it."""
    paths = {"key": "$.detail.object.key", "object": "$.detail.object", "no": "$.nothing"}
    template = '{"key": <key>, "all": <object>, "say": "<key> of <no><object>", "none": <no>}'
    obj = EVENT["detail"]["object"]
    assert made(paths=paths, template=template) == {
        "key": obj["key"],
        "all": obj,
        "say": f"{obj['key']} of {json.dumps(obj, separators=(',', ':'))}",
        "none": "",
    }


def test_a_template_knows_its_rule() -> None:
    """And the event, with and without its detail."""
    template = (
        '["<aws.events.rule-name>", "<aws.events.rule-arn>", <aws.events.event.json>, '
        "<aws.events.event>]"
    )
    name, arn, event, envelope = made(template=template)
    assert (name, arn, event) == ("r", "arn:rule", EVENT)
    assert envelope == {key: value for key, value in EVENT.items() if key != "detail"}


@pytest.mark.parametrize(
    "shape",
    [
        Shape(constant="{"),
        Shape(path="detail"),
        Shape(path="$.detail["),
        Shape(path="$..key"),
        Shape(template="<unknown>", paths={"known": "$.id"}),
        Shape(template="<a>", paths={"a": "id"}),
        Shape(template="<a>", paths={f"a{n}": "$" for n in range(101)} | {"a": "$"}),
    ],
)
def test_shapes_that_cannot_be(shape: Shape) -> None:
    """Are refused when the target is put, not when something happens."""
    with pytest.raises(InvalidInput):
        check_shape(shape)


def test_a_template_must_become_json() -> None:
    """Otherwise there is no input, and the message is given up."""
    shape = Shape(template="plain <key>", paths={"key": "$.id"})
    check_shape(shape)
    with pytest.raises(InvalidInput, match="JSON once it is filled"):
        input_of(shape, EVENT, rule_name="r", rule_arn="a")
