"""Settings: from the environment and the command line, with sentences for what is wrong."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from bakehouse.faults import InvalidInput
from bakehouse.settings import Settings, settings_from


def test_without_anything_the_defaults_hold() -> None:
    """An empty environment gives the defaults, with an absolute data folder."""
    settings = settings_from({})
    assert settings.port == 4566
    assert settings.data == Path("~/.bakehouse").expanduser()


def test_the_environment_is_read_and_the_command_line_wins(tmp_path: Path) -> None:
    """``BAKEHOUSE_PORT`` is the port unless an option names another."""
    environment = {"BAKEHOUSE_PORT": "5000", "BAKEHOUSE_DATA": str(tmp_path)}
    assert settings_from(environment).port == 5000
    assert settings_from(environment, port=0).port == 0
    assert settings_from(environment, data=None).data == tmp_path


@pytest.mark.parametrize(("text", "value"), [("1", True), ("TRUE", True), ("off", False)])
def test_switches_take_the_usual_words(text: str, value: bool) -> None:
    """A switch is read without regard to case."""
    assert settings_from({"BAKEHOUSE_AUTH": text}).auth is value


@pytest.mark.parametrize(
    ("variable", "text", "allowed"),
    [
        ("BAKEHOUSE_PORT", "high", "a whole number"),
        ("BAKEHOUSE_CAPTURE_IDLE_S", "soon", "a number"),
        ("BAKEHOUSE_AUTH", "maybe", "one of 1, true, yes"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_allowed(variable: str, text: str, allowed: str) -> None:
    """The sentence names the variable, the value and what would be right."""
    with pytest.raises(InvalidInput, match=f"{variable} is '{text}'; expected {allowed}"):
        settings_from({variable: text})


@pytest.mark.parametrize(
    ("variable", "text", "allowed"),
    [
        ("BAKEHOUSE_PORT", "65536", "a number from 0 to 65535"),
        ("BAKEHOUSE_PORT", "4_566", "a whole number"),
        ("BAKEHOUSE_PORT", "\uff14", "a whole number"),
        ("BAKEHOUSE_SEED", "-1", "a number from 0 to 9223372036854775807"),
        ("BAKEHOUSE_OBJECT_BYTES", "-5", "a number from 1"),
        ("BAKEHOUSE_SANDBOXES", "0", "a number from 1"),
        ("BAKEHOUSE_STATE_TASKS", "0", "a number from 1"),
        ("BAKEHOUSE_SANDBOX_IDLE_S", "-0.5", "a number from 0"),
        ("BAKEHOUSE_SANDBOX_IDLE_S", "nan", "a number"),
        ("BAKEHOUSE_SANDBOX_IDLE_S", "inf", "a number"),
        ("BAKEHOUSE_SANDBOX_IDLE_S", "1e999", "a number from 0"),
        ("BAKEHOUSE_REGION", "eu west", "a region such as us-east-1"),
        ("BAKEHOUSE_REGION", "", "some text"),
        ("BAKEHOUSE_DATA", "", "some text"),
        ("BAKEHOUSE_ACCOUNT_ID", "12345678901", "twelve digits"),
        ("BAKEHOUSE_ACCOUNT_ID", "\uff11" * 12, "twelve digits"),
    ],
)
def test_a_value_out_of_range_is_told_with_its_variable(
    variable: str, text: str, allowed: str
) -> None:
    """No server starts with a value that cannot be meant."""
    with pytest.raises(InvalidInput, match=allowed) as caught:
        settings_from({variable: text})
    assert caught.value.path == variable


@pytest.mark.parametrize(
    ("chosen", "option"),
    [({"region": ""}, "--region"), ({"seed": -1}, "--seed"), ({"account_id": "x"}, "--account-id")],
)
def test_a_chosen_value_is_checked_under_its_options_name(
    chosen: dict[str, object], option: str
) -> None:
    """What the command line gives has the same limits, and is named as it was typed."""
    with pytest.raises(InvalidInput) as caught:
        settings_from({}, **chosen)
    assert caught.value.path == option


@pytest.mark.parametrize(
    "region", ["eu-west-1", "us-gov-west-1", "ap-southeast-4", "eusc-de-east-1"]
)
def test_regions_of_every_partition_are_taken(region: str) -> None:
    """The form is that of AWS's names, not a list of them."""
    assert settings_from({"BAKEHOUSE_REGION": region}).region == region


def test_every_default_is_in_its_own_range() -> None:
    """The defaults, given as text, are taken as they are."""
    texts = {f"BAKEHOUSE_{f.name.upper()}": str(f.default) for f in fields(Settings)}
    assert settings_from(texts) == settings_from({})


def test_every_setting_has_a_meaning() -> None:
    """No setting without a sentence for the reference."""
    for setting in fields(Settings):
        assert setting.metadata["help"].endswith("."), setting.name
