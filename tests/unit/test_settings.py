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


def test_every_setting_has_a_meaning() -> None:
    """No setting without a sentence for the reference."""
    for setting in fields(Settings):
        assert setting.metadata["help"].endswith("."), setting.name
