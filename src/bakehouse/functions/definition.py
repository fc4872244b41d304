"""What a function is: its record, what is allowed in it, and its names."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from bakehouse.faults import InvalidInput, LimitExceeded, Rejected

LATEST = "$LATEST"
"""The one version that a function has here."""
MB = 1 << 20
"""The bytes in what Lambda calls a megabyte."""

_ENVIRONMENT_BYTES = 4096
_TIMEOUT_S = (1, 900)
_MEMORY_MB = (128, 10_240)
_SCRATCH_MB = (512, 10_240)
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_HANDLER = re.compile(r"[^\s\x00]{1,128}")
_ROLE = re.compile(r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+")
_RUNTIME = re.compile(r"python3\.\d+")
_VARIABLE = re.compile(r"[a-zA-Z]([a-zA-Z0-9_])+")
_SPOKEN_NAME = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):)?"
    r"(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9_-]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9_-]+))?"
)
RESERVED_VARIABLES = frozenset(
    [
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
    ]
)
"""Environment variables that the service sets itself and no function may."""


class Throttled(LimitExceeded):
    """All the sandboxes that a function may have are at work."""


class InvalidPayload(InvalidInput):
    """An invocation's payload is not JSON."""


class PayloadTooLarge(LimitExceeded):
    """An invocation's payload is over the limit."""


class RevisionChanged(Rejected):
    """The caller meant a revision of the function that is not the current one any more."""

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        super().__init__(
            "The Revision Id provided does not match the latest Revision Id. Call the "
            "GetFunction/GetAlias API to retrieve the latest Revision Id"
        )


@dataclass(frozen=True, slots=True)
class Function:
    """A function as it is stored. Construct, then :func:`check`."""

    name: str
    role: str
    runtime: str
    handler: str
    code_digest: str = ""
    """SHA-256 of the archive, in hexadecimal."""
    code_bytes: int = 0
    description: str = ""
    timeout_s: int = 3
    memory_mb: int = 128
    scratch_mb: int = 512
    """The size of ``/tmp``; here the largest single file in it."""
    environment: Mapping[str, str] = field(default_factory=dict)
    architectures: tuple[str, ...] = ("x86_64",)
    tracing: str = "PassThrough"
    tags: Mapping[str, str] = field(default_factory=dict)
    policy: tuple[Mapping[str, Any], ...] = ()
    """The statements that say who may invoke it, in IAM's language; kept and not enforced."""
    modified_ms: int = 0
    revision: str = field(default_factory=lambda: str(uuid.uuid4()))


def to_document(function: Function) -> dict[str, Any]:
    """The function as a JSON document."""
    return {**asdict(function), "architectures": list(function.architectures)}


def from_document(document: Mapping[str, Any]) -> Function:
    """The function of a document that :func:`to_document` made."""
    lists = {name: tuple(document.get(name, ())) for name in ("architectures", "policy")}
    return Function(**{**document, **lists})


def check(function: Function) -> None:
    """Hold a function to Lambda's rules.

    Raises:
        InvalidInput: a value is not allowed; ``path`` is the request's member.
    """
    _match("FunctionName", function.name, _NAME, "1 to 64 letters, digits, hyphens, underscores")
    _match("Role", function.role, _ROLE, "the ARN of an IAM role")
    _match("Handler", function.handler, _HANDLER, "module.function without spaces")
    _match("Runtime", function.runtime, _RUNTIME, "python3.N: bakehouse runs Python handlers")
    _within("Timeout", function.timeout_s, _TIMEOUT_S, "seconds")
    _within("MemorySize", function.memory_mb, _MEMORY_MB, "MB")
    _within("EphemeralStorage.Size", function.scratch_mb, _SCRATCH_MB, "MB")
    _check_environment(function.environment)


def spoken_name(text: str, qualifier: str | None = None) -> tuple[str, str | None]:
    """The name and the qualifier in what a caller wrote for a function.

    Args:
        text: a name, ``name:qualifier``, ``account:function:name`` or a whole ARN.
        qualifier: what the caller gave beside it; it must not contradict the text.

    Raises:
        InvalidInput: it is none of these.
    """
    match = _SPOKEN_NAME.fullmatch(text)
    if match is None or (qualifier and match["qualifier"] not in (None, qualifier)):
        raise InvalidInput("FunctionName", text, "a function's name or ARN")
    return match["name"], qualifier or match["qualifier"]


def _check_environment(variables: Mapping[str, str]) -> None:
    preface = "Lambda was unable to configure your environment variables because the environment "
    reserved = [name for name in variables if name in RESERVED_VARIABLES]
    if reserved:
        text = (
            f"{preface}variables you have provided contains reserved keys that are currently not "
            f"supported for modification. Reserved keys used in this request: {', '.join(reserved)}"
        )
        raise InvalidInput("Environment.Variables", reserved, "other names", text)
    for name, value in variables.items():
        _match("Environment.Variables", name, _VARIABLE, "a letter, then letters, digits or _")
        if "\0" in value:
            raise InvalidInput(f"Environment.Variables.{name}", value, "no null characters")
    measured = orjson.dumps(dict(variables))
    if len(measured) > _ENVIRONMENT_BYTES:
        text = (
            f"{preface}variables you have provided exceeded the 4KB limit. "
            f"String measured: {measured.decode()}"
        )
        raise InvalidInput("Environment.Variables", variables, "at most 4 KB", text)


def _match(path: str, value: str, pattern: re.Pattern[str], allowed: str) -> None:
    if pattern.fullmatch(value) is None:
        raise InvalidInput(path, value, allowed)


def _within(path: str, value: int, bounds: tuple[int, int], unit: str) -> None:
    lowest, highest = bounds
    if not lowest <= value <= highest:
        raise InvalidInput(path, value, f"{lowest} to {highest} {unit}")
