"""What a bucket's policy denies those who sign.

Whoever signs is of the account that owns the buckets and needs nobody's leave, but a statement that
denies binds them as well. A statement with a condition on what a server of one's own cannot know
(networks, organisations) binds nobody here. Source: Amazon S3 User Guide, "Bucket policies".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from bakehouse.faults import AccessDenied, Rejected, Unimplemented
from bakehouse.services.policies.documents import Statement
from bakehouse.services.policies.evaluation import Context, decide
from bakehouse.services.s3.actions import action_of, resource_of
from bakehouse.services.s3.policy import check_policy, listed, statements_of
from bakehouse.services.s3.setting_names import POLICY
from bakehouse.storage.objects import ObjectStore
from bakehouse.wire.types import Call, Params

_FREE = frozenset(
    {"CreateBucket", "DeleteObjects", "DeleteBucketPolicy", "GetBucketPolicy", "PutBucketPolicy"}
)
"""Operations that no policy can deny: the account can always mend a policy, as its root user can on
AWS. ``DeleteObjects`` is asked about object by object."""

_HEADERS = "s3:x-amz-"
_EXISTING_TAG, _NEW_TAG = "s3:existingobjecttag/", "s3:requestobjecttag/"
_SESSION = re.compile(r"arn:aws:sts::\d*:assumed-role/([^/]+)/.+")
"""The ARN of someone who plays a role; policies may also name the role."""
_KNOWN = frozenset({"aws:referer", "aws:securetransport", "aws:useragent"})


@dataclass(frozen=True, slots=True)
class _Denial:
    """One statement that denies."""

    who: frozenset[str]
    is_of_others: bool
    """Whether it is about everyone but these."""
    statement: Statement


def check_not_denied(store: ObjectStore, operation: str, call: Call, params: Params) -> None:
    """Make sure that the bucket's policy does not deny an operation.

    Raises:
        AccessDenied: it does.
        NotFound: there is no such bucket.
    """
    if operation in _FREE or "Bucket" not in params:
        return
    found = store.setting(params["Bucket"], POLICY)
    if found is None:
        return
    ours = _names_of(call)
    denials = [
        ("policy", denial.statement)
        for denial in _denials(found["text"])
        if denial.who.isdisjoint(ours) == denial.is_of_others
    ]
    if denials and _is_denied(denials, store, operation, call, params):
        raise AccessDenied("The bucket's policy denies it.")


def _is_denied(
    denials: list[tuple[str, Statement]],
    store: ObjectStore,
    operation: str,
    call: Call,
    params: Params,
) -> bool:
    action, resource = action_of(operation, params), resource_of(params)
    decision = decide(denials, action, resource, _context(store, call, params))
    return decision.verdict == "explicitDeny"


def _names_of(call: Call) -> set[str]:
    """How a policy may name the caller."""
    names = {"*", call.account_id, f"arn:aws:iam::{call.account_id}:root"}
    if call.caller is None:
        return names
    session = _SESSION.fullmatch(call.caller.arn)
    role = f"arn:aws:iam::{call.account_id}:role/{session[1]}" if session else call.caller.arn
    return names | {call.caller.arn, role}


@lru_cache(maxsize=64)
def _denials(text: str) -> tuple[_Denial, ...]:
    """The statements of a policy that deny, and whose conditions can be looked at here."""
    denying = (one for one in statements_of(check_policy(text)) if one["Effect"] == "Deny")
    return tuple(_denial(stated) for stated in denying if _can_be_judged(stated))


def _denial(stated: dict[str, Any]) -> _Denial:
    is_of_others = "NotPrincipal" in stated
    principal = stated["NotPrincipal" if is_of_others else "Principal"]
    who = principal.get("AWS", []) if isinstance(principal, dict) else principal
    return _Denial(frozenset(listed(who)), is_of_others, _statement(stated))


def _statement(stated: dict[str, Any]) -> Statement:
    actions, not_actions, resources, not_resources = (
        tuple(listed(stated[name])) if name in stated else None
        for name in ("Action", "NotAction", "Resource", "NotResource")
    )
    conditions = {
        operator: {key: tuple(map(_text, listed(values))) for key, values in wanted.items()}
        for operator, wanted in stated.get("Condition", {}).items()
    }
    return Statement(False, actions, not_actions, resources, not_resources, conditions)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _can_be_judged(stated: dict[str, Any]) -> bool:
    """Whether this server knows what the conditions of a statement ask about."""
    keys = [key.lower() for wanted in stated.get("Condition", {}).values() for key in wanted]
    if not all(
        key in _KNOWN or key.startswith((_HEADERS, _EXISTING_TAG, _NEW_TAG)) for key in keys
    ):
        return False
    try:
        decide([("policy", _statement(stated | {"Action": "*", "Resource": "*"}))], "s3:*", "*", {})
    except Unimplemented:
        return False
    return True


def _context(store: ObjectStore, call: Call, params: Params) -> Context:
    """What conditions may ask about; the way to a server of one's own counts as secure."""
    said = {name: (value,) for name, value in call.headers.items()}
    context = {f"s3:{name}": said[name] for name in said if name.startswith("x-amz-")}
    about = {"aws:referer": "referer", "aws:useragent": "user-agent"}
    context |= {key: said[name] for key, name in about.items() if name in said}
    for begin, tags in ((_NEW_TAG, _new_tags(params)), (_EXISTING_TAG, _tags(store, params))):
        context |= {f"{begin}{name.lower()}": (value,) for name, value in tags.items()}
    return context | {"aws:securetransport": ("true",)}


def _new_tags(params: Params) -> Mapping[str, str]:
    given = params.get("Tagging", "")
    if isinstance(given, str):
        return dict(parse_qsl(given, keep_blank_values=True))
    return {tag["Key"]: tag["Value"] for tag in given["TagSet"]}


def _tags(store: ObjectStore, params: Params) -> Mapping[str, str]:
    """The tags of the object that there is."""
    if "Key" not in params:
        return {}
    try:
        return store.head(params["Bucket"], params["Key"], params.get("VersionId")).tags
    except Rejected:
        return {}
