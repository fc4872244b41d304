"""Small corrections to the AWS SDKs of a Python process, made when they are imported.

Some code of the ``sagemaker`` SDK names AWS's own address whatever ``AWS_ENDPOINT_URL`` says, and
it waits as long between two questions as suits a job of an hour. Nothing happens unless
``AWS_ENDPOINT_URL`` is an address of this machine; ``BAKEHOUSE_SHIM=0`` switches all of it off, and
``BAKEHOUSE_FAST_POLLS=0`` the shorter pauses.

Every Python process of a user's starts with this file, from Python 3.9 on: at its top it imports
only what is in memory by then.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LONGEST_PAUSE_S = 0.5
"""What remains of a longer pause between two questions to the server."""
GATE_SPEED = 30
"""The SDKs ask for a job's status when 30 s of their own clock have passed: 1 s, then."""

_CLIENT_MAKERS = {"botocore.session": "Session", "aiobotocore.session": "AioSession"}
"""Modules with a class whose ``create_client`` every client comes from, also boto3's and s3fs's."""
_KNOWS_THE_VARIABLE = (1, 31)
"""The first botocore that reads ``AWS_ENDPOINT_URL``, of July 2023."""
_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")
_LOCAL = ("http://127.0.0.1", "http://localhost", "http://[::1]")


def begin() -> None:
    """Watch for the imports of the SDKs, if this process speaks to a server on this machine."""
    if os.environ.get("BAKEHOUSE_SHIM") != "0" and _server_is_local():
        sys.meta_path.insert(0, _Watch())


class _Watch:
    """A finder that finds nothing itself: it has the found loader call a correction afterwards."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        correct = _corrections(name)
        if correct is None:
            return None
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find else None
            if spec is not None:
                _correct_after_loading(spec, correct)
                return spec
        return None


def _correct_after_loading(spec: Any, correct: Any) -> None:
    """Have this one loader, whose other abilities stay, correct its module once it is complete."""
    load = getattr(spec.loader, "exec_module", None)
    if load is None:
        return

    def exec_module(module: Any) -> None:
        load(module)
        if module.__name__ == spec.name:
            correct(module)

    spec.loader.exec_module = exec_module


def _corrections(name: str) -> Any:
    if name in _CLIENT_MAKERS:
        return _lead_here
    if os.environ.get("BAKEHOUSE_FAST_POLLS") != "0":
        return _PAUSES.get(name)
    return None


# AWS's own addresses


def _lead_here(module: Any) -> None:
    """Let ``AWS_ENDPOINT_URL`` win over an address of AWS that code gives to a client.

    A botocore that is too old to know the variable gets its value for every client.
    """
    from functools import wraps  # noqa: PLC0415  # see the top

    maker: Any = getattr(module, _CLIENT_MAKERS[module.__name__], None)
    create = getattr(maker, "create_client", None)
    if create is None:
        return
    too_old = _version(sys.modules["botocore"]) < _KNOWS_THE_VARIABLE

    @wraps(create)
    def create_client(*args: Any, **named: Any) -> Any:
        given = named.get("endpoint_url")
        if _server_is_local() and (_is_of_aws(given) or (too_old and given is None)):
            named["endpoint_url"] = os.environ["AWS_ENDPOINT_URL"] if too_old else None
        return create(*args, **named)

    maker.create_client = create_client


def _version(package: Any) -> tuple[int, ...]:
    parts = getattr(package, "__version__", "").split(".")
    return tuple(int(part) for part in parts if part.isdigit())


def _is_of_aws(address: Any) -> bool:
    if not isinstance(address, str):
        return False
    host = address.partition("://")[2].partition("/")[0].partition(":")[0]
    return host.lower().endswith(_AWS)


def _server_is_local() -> bool:
    address = os.environ.get("AWS_ENDPOINT_URL", "").rstrip("/")
    return address in _LOCAL or address.rpartition(":")[0] in _LOCAL


# Pauses


class _Clock:
    """Stands for the module ``time`` in a module of an SDK.

    Pauses are short, and with a ``speed`` the time of day runs ahead, so that an age that the SDK
    waits for is reached sooner.
    """

    def __init__(self, speed: int) -> None:
        self._speed, self._begun = speed, time.time()

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def sleep(self, seconds: float) -> None:
        """Pause for a moment."""
        time.sleep(min(seconds, LONGEST_PAUSE_S))

    def time(self) -> float:
        """Seconds since 1970, or what they would be at this clock's speed."""
        return self._begun + (time.time() - self._begun) * self._speed


def _shorten_pauses(module: Any, speed: int = 1) -> bool:
    """Give a module another clock; tell whether it had the usual one."""
    usual = getattr(module, "time", None) is time
    if usual:
        module.time = _Clock(speed)
    return usual


def _shorten_pauses_and_gate(module: Any) -> None:
    """Also for the modules that ask for a status only when 30 s have passed by ``time.time()``."""
    follow = getattr(module, "_logs_for_job", None)
    if _shorten_pauses(module, GATE_SPEED) and follow is not None:
        module._logs_for_job = _with_timeout_at_speed(follow)


def _with_timeout_at_speed(follow: Any) -> Any:
    """The same function for a time-out in real seconds, which is measured by the fast clock."""
    from functools import wraps  # noqa: PLC0415  # see the top

    @wraps(follow)
    def logs_for_job(*args: Any, **named: Any) -> Any:
        if len(args) > _TIMEOUT_AT and args[_TIMEOUT_AT]:
            args = (*args[:_TIMEOUT_AT], args[_TIMEOUT_AT] * GATE_SPEED, *args[_TIMEOUT_AT + 1 :])
        elif named.get("timeout"):
            named["timeout"] *= GATE_SPEED
        return follow(*args, **named)

    return logs_for_job


_TIMEOUT_AT = 5
"""Where ``_logs_for_job(session, job_name, wait, poll, log_type, timeout)`` has its time-out."""

_PAUSES = {
    # sagemaker 2
    "sagemaker.session": _shorten_pauses_and_gate,
    "sagemaker_core.main.resources": _shorten_pauses,
    # sagemaker 3
    "sagemaker.core.helper.session_helper": _shorten_pauses_and_gate,
    "sagemaker.core.processing": _shorten_pauses_and_gate,
    "sagemaker.core.transformer": _shorten_pauses_and_gate,
    "sagemaker.core.helper.iam_role_resolver": _shorten_pauses,
    "sagemaker.core.resources": _shorten_pauses,
    "sagemaker.train.common_utils.job_wait": _shorten_pauses,
    "sagemaker.train.common_utils.log_streamer": _shorten_pauses,
    "sagemaker.train.common_utils.trainer_wait": _shorten_pauses,
}
"""The modules of the SDKs that wait. Where one is not of this form, its own pauses stay."""
