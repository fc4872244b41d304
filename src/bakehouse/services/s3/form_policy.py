"""The policy of a form: what its signer lets a browser upload, and for how long.

Source: Amazon S3 API Reference, "Creating a POST policy".
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bakehouse.services.s3.errors import entity_too_large
from bakehouse.wire.types import AwsError

_EXEMPT = frozenset({"awsaccesskeyid", "file", "policy", "signature", "x-amz-signature"})
"""Fields of which a policy need not speak."""
_IGNORED = "x-ignore-"
_EXPIRATION = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
_MOST_CONDITIONS = 300

_MATCHES: Mapping[str, Callable[[str, str], bool]] = {
    "eq": lambda given, wanted: given == wanted,
    "starts-with": lambda given, wanted: given.startswith(wanted),
}


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """How many bytes the file may have."""

    least: int = 0
    most: int | None = None

    def check_most(self, size_bytes: int) -> None:
        """Refuse a file that is larger already; raises ``AwsError``."""
        if self.most is not None and size_bytes > self.most:
            raise entity_too_large(size_bytes, self.most)

    def check_least(self, size_bytes: int) -> None:
        """Refuse a whole file that is too small; raises ``AwsError``."""
        if size_bytes < self.least:
            text = "Your proposed upload is smaller than the minimum allowed size"
            fields = {"ProposedSize": size_bytes, "MinSizeAllowed": self.least}
            raise AwsError("EntityTooSmall", text, 400, fields)


def check_policy_of_form(encoded: str, fields: Mapping[str, str], now: datetime) -> SizeLimits:
    """Hold the fields of a form to its policy.

    Args:
        encoded: the policy, as JSON in base64.
        fields: the fields with ``bucket`` among them, by names in lower case.
        now: the time of the check.

    Returns:
        What remains to be held: the size of the file.

    Raises:
        AwsError: 400, it is no policy; 403, it has expired or does not allow this.
    """
    policy = _decoded(encoded)
    if now > _expiration(policy):
        raise _denied("Policy expired.")
    conditions = policy.get("conditions")
    if not isinstance(conditions, list):
        raise _invalid("Policy missing conditions.")
    if len(conditions) > _MOST_CONDITIONS:
        raise _invalid(f"More than {_MOST_CONDITIONS} conditions.")
    limits, spoken_of = SizeLimits(), set(_EXEMPT)
    for condition in conditions:
        if _is_size_range(condition):
            limits = _size_limits(condition)
            continue
        kind, name, wanted = _condition(condition)
        spoken_of.add(name)
        if not _MATCHES[kind](fields.get(name, ""), wanted):
            shown = json.dumps([kind, f"${name}", wanted])
            raise _denied(f"Policy Condition failed: {shown}")
    extra = [name for name in fields if name not in spoken_of and not name.startswith(_IGNORED)]
    if extra:
        raise _denied(f"Extra input fields: {', '.join(sorted(extra))}")
    return limits


def _decoded(encoded: str) -> dict[str, Any]:
    try:
        policy = json.loads(base64.b64decode(encoded))
    except (ValueError, RecursionError) as error:
        raise _invalid("Invalid JSON.") from error
    if not isinstance(policy, dict):
        raise _invalid("Invalid JSON.")
    return policy


def _expiration(policy: dict[str, Any]) -> datetime:
    given = policy.get("expiration")
    if given is None:
        raise _invalid("Policy missing expiration.")
    text = f"Invalid 'expiration' value: '{str(given)[:100]}'"
    if not isinstance(given, str) or not _EXPIRATION.fullmatch(given):
        raise _invalid(text)
    try:
        return datetime.fromisoformat(given).astimezone(UTC)
    except ValueError as error:
        raise _invalid(text) from error


def _condition(condition: Any) -> tuple[str, str, str]:
    """Kind, name in lower case, and value of a condition on a field."""
    if isinstance(condition, dict):
        if len(condition) != 1:
            text = "Simple-Conditions must have exactly one property specified."
            raise _invalid(f"Invalid Simple-Condition: {text}")
        ((name, wanted),) = condition.items()
        kind = "eq"
    elif isinstance(condition, list) and len(condition) == 3 and isinstance(condition[0], str):
        kind, name, wanted = condition[0].lower(), str(condition[1]), condition[2]
        if kind not in _MATCHES:
            raise _invalid(f"Invalid condition operation: {kind[:100]}")
        if not name.startswith("$"):
            raise _invalid("Invalid condition: a field is named with a dollar sign before it.")
        name = name[1:]
    else:
        raise _invalid("Invalid condition.")
    if not isinstance(wanted, str | int | float):
        raise _invalid("Invalid Simple-Condition: value must be a string.")
    return kind, name.lower(), str(wanted)


def _is_size_range(condition: Any) -> bool:
    is_named = isinstance(condition, list) and condition and isinstance(condition[0], str)
    return bool(is_named and condition[0].lower() == "content-length-range")


def _size_limits(condition: list[Any]) -> SizeLimits:
    if len(condition) != 3:
        raise _invalid("Invalid content-length-range: wrong number of arguments.")
    try:
        least, most = (int(bound) for bound in condition[1:])
    except (TypeError, ValueError, OverflowError) as error:
        raise _invalid("Invalid content-length-range: bounds must be numbers.") from error
    if least < 0 or most < 0:
        raise _invalid("Invalid content-length-range: bounds must not be negative.")
    return SizeLimits(least, most)


def _invalid(reason: str) -> AwsError:
    return AwsError("InvalidPolicyDocument", f"Invalid Policy: {reason}", 400)


def _denied(reason: str) -> AwsError:
    return AwsError("AccessDenied", f"Invalid according to Policy: {reason}", 403)
