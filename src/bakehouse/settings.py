"""Every setting, in one table: its name, default, unit and meaning.

A setting ``port`` is read from the environment as ``BAKEHOUSE_PORT``; a command-line option of the
same name wins over it. ``docs/reference/settings.md`` lists them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from bakehouse.faults import InvalidInput


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server can be told before it starts. Units are in the names."""

    data: Path = field(
        default=Path("~/.bakehouse"),
        metadata={"help": "The folder that holds everything: keys, objects, records, jobs."},
    )
    host: str = field(default="127.0.0.1", metadata={"help": "The address to listen on."})
    port: int = field(
        default=4566, metadata={"help": "The TCP port to listen on; 0 takes a free one."}
    )
    region: str = field(
        default="us-east-1",
        metadata={"help": "The region of what the server makes itself, and that `env` prints."},
    )
    account_id: str = field(
        default="123456789012",
        metadata={"help": "The twelve digits of the AWS account that the server plays."},
    )
    auth: bool = field(
        default=True,
        metadata={"help": "Verify the signature of every request. Off only on a loopback address."},
    )
    request_bytes: int = field(
        default=70_167_211,
        metadata={"help": "The largest request of Lambda and SageMaker Runtime."},
    )
    object_bytes: int = field(
        default=5 * 1024**3, metadata={"help": "The largest S3 object that one PutObject takes."}
    )
    invocation_bytes: int = field(
        default=6_291_456,
        metadata={"help": "The largest body of InvokeEndpoint and of Lambda Invoke."},
    )
    image_pixels: int = field(
        default=40_000_000,
        metadata={"help": "The largest image that an endpoint decodes, in pixels."},
    )
    archive_bytes: int = field(
        default=4 * 1024**3, metadata={"help": "The largest model.tar.gz, unpacked."}
    )
    training_jobs: int = field(
        default=2,
        metadata={"help": "Training jobs that run at the same time; more wait as Starting."},
    )
    sandboxes: int = field(
        default=10,
        metadata={"help": "Processes that one Lambda function may run at the same time."},
    )
    sandbox_idle_s: float = field(
        default=300.0, metadata={"help": "Seconds after which an idle Lambda process ends."}
    )
    capture_window_s: float = field(
        default=60.0,
        metadata={"help": "Seconds of traffic that one data-capture object spans at most."},
    )
    capture_idle_s: float = field(
        default=1.0,
        metadata={"help": "Seconds without traffic after which a data-capture object is written."},
    )
    executions: int = field(
        default=1000,
        metadata={"help": "Tasks of state machines that run at the same time; more wait."},
    )
    seed: int = field(default=0, metadata={"help": "The seed of training, for the same weights."})
    strict_defaults: bool = field(
        default=False, metadata={"help": "Use AWS's own hyperparameter defaults instead of ours."}
    )


def settings_from(environment: Mapping[str, str], **chosen: Any) -> Settings:
    """Read the settings from ``BAKEHOUSE_…`` variables; what is ``chosen`` (and not None) wins.

    Raises:
        InvalidInput: a variable does not hold a value of its setting's type.
    """
    values: dict[str, Any] = {}
    for known in fields(Settings):
        variable = f"BAKEHOUSE_{known.name.upper()}"
        if chosen.get(known.name) is not None:
            values[known.name] = chosen[known.name]
        elif variable in environment:
            values[known.name] = _parse(variable, environment[variable], _converter(known.default))
    settings = Settings(**values)
    return replace(settings, data=settings.data.expanduser().resolve())


def _converter(default: Any) -> Callable[[str], Any]:
    return Path if isinstance(default, Path) else type(default)


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


def _parse(variable: str, text: str, wanted: Callable[[str], Any]) -> Any:
    if wanted is bool:
        if text.lower() not in _TRUTH:
            raise InvalidInput(variable, text, "one of 1, true, yes, on, 0, false, no, off")
        return _TRUTH[text.lower()]
    try:
        return wanted(text)
    except ValueError as error:
        raise InvalidInput(
            variable, text, "a whole number" if wanted is int else "a number"
        ) from error
