"""Lifecycle rules: checked, kept, and told of the objects that they name.

Nothing is expired or moved by them here.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from bakehouse.services.s3.errors import invalid_request, malformed_xml
from bakehouse.services.s3.setting_names import LIFECYCLE
from bakehouse.storage.objects import ObjectInfo, ObjectStore
from bakehouse.wire.types import AwsError, Params

_MOST_RULES = 1000
_ID_LENGTH = 255
_ACTIONS = (
    "AbortIncompleteMultipartUpload",
    "Expiration",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionTransitions",
    "Transitions",
)
_DAYS = {
    "AbortIncompleteMultipartUpload": "DaysAfterInitiation",
    "Expiration": "Days",
    "NoncurrentVersionExpiration": "NoncurrentDays",
}
"""Action → where it counts days, at least one of them."""


def check_lifecycle(configuration: Params) -> None:
    """Make sure that rules are ones that S3 takes; those without an id are given one.

    Raises:
        AwsError: they are not.
    """
    rules = configuration["Rules"]
    if not 1 <= len(rules) <= _MOST_RULES:
        raise malformed_xml()
    for rule in rules:
        rule.setdefault("ID", secrets.token_urlsafe(36))
        _check_rule(rule)
    ids = [rule["ID"] for rule in rules]
    if len(set(ids)) < len(ids):
        raise _invalid("Rule ID must be unique. Found same ID for more than one rule")


def dated(configuration: Params) -> Params:
    """Stored rules as the wire takes them: their dates are moments again."""
    for rule in configuration["Rules"]:
        for action in _dated_actions(rule):
            action["Date"] = datetime.fromisoformat(action["Date"])
    return configuration


def expiration_told(store: ObjectStore, info: ObjectInfo) -> Params:
    """The member of an answer that tells when the rules would expire an object, and which would.

    A rule in days counts from the write, and rounds up to midnight in UTC.
    """
    configuration = store.setting(info.bucket, LIFECYCLE)
    if configuration is None:
        return {}
    named = [rule for rule in configuration["Rules"] if _names(rule, info)]
    found = [(moment, rule["ID"]) for rule in named if (moment := _expiration(rule, info))]
    if not found:
        return {}
    moment, rule_id = min(found)
    date = format_datetime(moment, usegmt=True)
    return {"Expiration": f'expiry-date="{date}", rule-id="{quote(rule_id)}"'}


def _expiration(rule: Params, info: ObjectInfo) -> datetime | None:
    expiration = rule.get("Expiration", {})
    if "Date" in expiration:
        return datetime.fromisoformat(expiration["Date"])
    if "Days" not in expiration:
        return None
    day = info.modified.replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(days=expiration["Days"] + (info.modified > day))


def _names(rule: Params, info: ObjectInfo) -> bool:
    """Whether a rule is in force and about an object."""
    chosen = rule.get("Filter", {})
    chosen = chosen | chosen.get("And", {})
    prefix = rule.get("Prefix", chosen.get("Prefix", ""))
    tags = [*chosen.get("Tags", []), *([chosen["Tag"]] if "Tag" in chosen else [])]
    return (
        rule["Status"] == "Enabled"
        and info.key.startswith(prefix)
        and all(info.tags.get(tag["Key"]) == tag["Value"] for tag in tags)
        and chosen.get("ObjectSizeGreaterThan", -1) < info.size_bytes
        and info.size_bytes < chosen.get("ObjectSizeLessThan", info.size_bytes + 1)
    )


def _dated_actions(rule: Params) -> Iterator[dict[str, Any]]:
    for action in (rule.get("Expiration", {}), *rule.get("Transitions", ())):
        if "Date" in action:
            yield action


def _check_rule(rule: Params) -> None:
    if len(rule["ID"]) > _ID_LENGTH:
        raise _invalid("ID length should not exceed allowed limit of 255")
    if ("Prefix" in rule) == ("Filter" in rule):
        raise malformed_xml()
    _check_filter(rule.get("Filter", {}))
    actions = [action for action in _ACTIONS if rule.get(action)]
    if not actions:
        raise invalid_request("At least one action needs to be specified in a rule.")
    for action, member in _DAYS.items():
        if rule.get(action, {}).get(member, 1) < 1:
            text = f"'{member}' for {action} action must be a positive integer"
            raise _invalid(text)
    _check_expiration(rule.get("Expiration"))
    for transition in rule.get("Transitions", ()):
        _check_transition(transition)
    for action_with_date in _dated_actions(rule):
        _check_midnight(action_with_date["Date"])


def _check_filter(chosen: Params) -> None:
    """A filter says one thing; several stand in ``And``.

    S3 takes an empty prefix beside a tag, which says nothing.
    """
    said = [name for name, value in chosen.items() if value != ""]
    if len(said) > 1:
        raise malformed_xml()


def _check_expiration(expiration: Params | None) -> None:
    if expiration is not None and len(expiration) != 1:
        raise malformed_xml()


def _check_transition(transition: Params) -> None:
    if ("Days" in transition) == ("Date" in transition) or "StorageClass" not in transition:
        raise malformed_xml()
    if transition.get("Days", 0) < 0:
        raise _invalid("'Days' in Transition action must be nonnegative")


def _check_midnight(moment: datetime) -> None:
    if moment != moment.replace(hour=0, minute=0, second=0, microsecond=0):
        raise _invalid("'Date' must be at midnight GMT")


def _invalid(text: str) -> AwsError:
    return AwsError("InvalidArgument", text, 400)
