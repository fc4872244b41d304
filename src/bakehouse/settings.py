"""Every setting, in one table: its name, default, unit and meaning.

A setting ``port`` is read from the environment as ``BAKEHOUSE_PORT``; a command-line option of the
same name wins over it. ``docs/reference/settings.md`` lists them all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from bakehouse.faults import InvalidInput


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server can be told before it starts. Units are in the names.

    A field's metadata holds its meaning and, where ``settings_from`` has something to check, the
    ``least`` and ``most`` of a number or the ``pattern`` of a text and what it allows, in words.
    """

    data: Path = field(
        default=Path("~/.bakehouse"),
        metadata={"help": "The folder that holds everything: keys, objects, records, jobs."},
    )
    host: str = field(
        default="127.0.0.1",
        metadata={
            "help": "The address to listen on.",
            "pattern": (r"\S+", "an address or a name, such as 127.0.0.1"),
        },
    )
    port: int = field(
        default=4566,
        metadata={
            "help": "The TCP port to listen on; 0 takes a free one.",
            "least": 0,
            "most": 65535,
        },
    )
    region: str = field(
        default="us-east-1",
        metadata={
            "help": "The region of what the server makes itself, and that `env` prints.",
            "pattern": (r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}", "a region such as us-east-1"),
        },
    )
    account_id: str = field(
        default="123456789012",
        metadata={
            "help": "The twelve digits of the AWS account that the server plays.",
            "pattern": (r"[0-9]{12}", "twelve digits"),
        },
    )
    auth: bool = field(
        default=True,
        metadata={"help": "Verify the signature of every request. Off only on a loopback address."},
    )
    request_bytes: int = field(
        default=70_167_211,
        metadata={"help": "The largest request of Lambda and SageMaker Runtime.", "least": 1},
    )
    request_memory_bytes: int = field(
        default=256 * 1024**2,
        metadata={
            "help": "Room for the bodies of all requests that are read whole; more wait.",
            "least": 1,
        },
    )
    object_bytes: int = field(
        default=5 * 1024**3,
        metadata={"help": "The largest S3 object that one PutObject takes.", "least": 1},
    )
    invocation_bytes: int = field(
        default=6_291_456,
        metadata={"help": "The largest body of InvokeEndpoint and of Lambda Invoke.", "least": 1},
    )
    image_pixels: int = field(
        default=40_000_000,
        metadata={"help": "The largest image that an endpoint decodes, in pixels.", "least": 1},
    )
    archive_bytes: int = field(
        default=4 * 1024**3,
        metadata={"help": "The largest model.tar.gz, unpacked.", "least": 1},
    )
    training_jobs: int = field(
        default=2,
        metadata={
            "help": "Training jobs that run at the same time; more wait as Starting.",
            "least": 1,
        },
    )
    sandboxes: int = field(
        default=10,
        metadata={
            "help": "Processes that one Lambda function may run at the same time.",
            "least": 1,
        },
    )
    sandbox_idle_s: float = field(
        default=300.0,
        metadata={"help": "Seconds after which an idle Lambda process ends.", "least": 0},
    )
    capture_window_s: float = field(
        default=60.0,
        metadata={
            "help": "Seconds of traffic that one data-capture object spans at most.",
            "least": 0,
        },
    )
    capture_idle_s: float = field(
        default=1.0,
        metadata={
            "help": "Seconds without traffic after which a data-capture object is written.",
            "least": 0,
        },
    )
    long_poll_s: float = field(
        default=25.0,
        metadata={
            "help": "Seconds for which a client that waits for SageMaker is held; 0 for none.",
            "least": 0,
            "most": 50,
        },
    )
    state_tasks: int = field(
        default=1000,
        metadata={
            "help": "Tasks of state machines that run at the same time; more wait.",
            "least": 1,
        },
    )
    seed: int = field(
        default=0,
        metadata={
            "help": "The seed of training, for the same weights.",
            "least": 0,
            "most": 2**63 - 1,
        },
    )
    pretrained_model: str = field(
        default="cifar98",
        metadata={
            "help": "What use_pretrained_model begins with: cifar98, which comes along, or a path "
            "of a model.tar.gz."
        },
    )
    strict_defaults: bool = field(
        default=False, metadata={"help": "Use AWS's own hyperparameter defaults instead of ours."}
    )


def settings_from(environment: Mapping[str, str], **chosen: Any) -> Settings:
    """Read the settings from ``BAKEHOUSE_…`` variables; what is ``chosen`` (and not None) wins.

    Raises:
        InvalidInput: a variable or a chosen value is not of its setting's type, range or form; it
            is named as the user gave it, ``BAKEHOUSE_PORT`` or ``--port``.
    """
    values: dict[str, Any] = {}
    for known in fields(Settings):
        variable = f"BAKEHOUSE_{known.name.upper()}"
        if chosen.get(known.name) is not None:
            option = f"--{known.name.replace('_', '-')}"
            values[known.name] = _checked(option, chosen[known.name], known.metadata)
        elif variable in environment:
            value = _parse(variable, environment[variable], type(known.default))
            values[known.name] = _checked(variable, value, known.metadata)
    settings = Settings(**values)
    return replace(settings, data=settings.data.expanduser().resolve())


_TRUTH = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}
_NUMBERS = {
    int: (re.compile(r"[+-]?[0-9]{1,20}"), "a whole number"),
    float: (re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.I), "a number"),
}
"""What Python reads as a number beside these, such as ``1_0``, is more likely a slip."""


def _parse(variable: str, text: str, wanted: type) -> Any:
    if wanted is bool:
        if text.lower() not in _TRUTH:
            raise InvalidInput(variable, text, "one of 1, true, yes, on, 0, false, no, off")
        return _TRUTH[text.lower()]
    if wanted in _NUMBERS:
        form, allowed = _NUMBERS[wanted]
        if not form.fullmatch(text.strip()):
            raise InvalidInput(variable, text, allowed)
        return wanted(text)
    if not text.strip():
        raise InvalidInput(variable, text, "some text; without the variable the default holds")
    return text if wanted is str else Path(text)


def _checked(name: str, value: Any, limits: Mapping[str, Any]) -> Any:
    """Hold a value against what its setting's metadata allows."""
    if "least" in limits:
        least, most = limits["least"], limits.get("most", math.inf)
        if not least <= value <= most or value == math.inf:
            end = "" if most == math.inf else f" to {most}"
            raise InvalidInput(name, value, f"a number from {least}{end}")
    if "pattern" in limits:
        pattern, allowed = limits["pattern"]
        if not re.fullmatch(pattern, value):
            raise InvalidInput(name, value, allowed)
    return value
