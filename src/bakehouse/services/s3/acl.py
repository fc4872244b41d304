"""Access control lists: from canned names, headers or XML to grants, and back.

There is one account, so a grant to another one is kept and shown and opens nothing. Grants to
everyone are what :mod:`bakehouse.services.s3.public_access` looks at.
"""

from __future__ import annotations

import re
from typing import Any

from bakehouse.faults import AccessDenied
from bakehouse.services.s3.buckets import owner
from bakehouse.services.s3.errors import invalid_argument, invalid_request
from bakehouse.storage.records import Document
from bakehouse.wire.types import AwsError, Params

Grants = list[dict[str, Any]]
"""What S3 calls an access control list: who (``Grantee``) may do what (``Permission``)."""

_GROUPS = "http://acs.amazonaws.com/groups/"
EVERYONE = f"{_GROUPS}global/AllUsers"
SIGNED = f"{_GROUPS}global/AuthenticatedUsers"
_LOG_DELIVERY = f"{_GROUPS}s3/LogDelivery"

_CANNED: dict[str, tuple[tuple[str, str], ...]] = {
    "private": (),
    "public-read": ((EVERYONE, "READ"),),
    "public-read-write": ((EVERYONE, "READ"), (EVERYONE, "WRITE")),
    "authenticated-read": ((SIGNED, "READ"),),
    "aws-exec-read": (),
    "bucket-owner-read": (),
    "bucket-owner-full-control": (),
    "log-delivery-write": ((_LOG_DELIVERY, "WRITE"), (_LOG_DELIVERY, "READ_ACP")),
}
"""Canned name → the groups that may do something beside the owner."""
_FOR_BUCKETS = _CANNED.keys() - {"bucket-owner-read", "bucket-owner-full-control"}
_FOR_OBJECTS = _CANNED.keys() - {"log-delivery-write"}

_HEADERS = {
    "GrantRead": "READ",
    "GrantWrite": "WRITE",
    "GrantReadACP": "READ_ACP",
    "GrantWriteACP": "WRITE_ACP",
    "GrantFullControl": "FULL_CONTROL",
}
_MEMBERS = ("ACL", "AccessControlPolicy", *_HEADERS)
_PERMISSIONS = frozenset(_HEADERS.values())
_MOST_GRANTS = 100
_CANONICAL_ID = re.compile("[0-9a-f]{64}")
_GRANTEE = re.compile(r'\s*(id|uri|emailAddress)\s*=\s*"?([^",]*)"?\s*')
_TYPES = {"id": "ID", "uri": "URI", "emailaddress": "EmailAddress"}


def grants_from_request(params: Params, account_id: str, *, of_bucket: bool) -> Grants | None:
    """The grants that a request gives, by a canned name, by headers or as XML; None if it does not.

    Raises:
        AwsError: they are none that S3 takes.
        AccessDenied: they name another owner.
    """
    given = [name for name in _MEMBERS if name in params]
    if not given:
        return None
    if "ACL" in given and len(given) > 1:
        text = "Specifying both Canned ACLs and Header Grants is not allowed"
        raise invalid_request(text)
    if "ACL" in given:
        return _canned(params["ACL"], account_id, of_bucket=of_bucket)
    if "AccessControlPolicy" not in given:
        return _from_headers(params, account_id)
    if len(given) > 1:
        raise AwsError("UnexpectedContent", "This request does not support content", 400)
    return _from_policy(params["AccessControlPolicy"], account_id)


def required_grants(params: Params, account_id: str, *, of_bucket: bool) -> Grants:
    """The same where a request must give some; raises also where it does not."""
    grants = grants_from_request(params, account_id, of_bucket=of_bucket)
    if grants is None:
        fields = {"MissingHeaderName": "x-amz-acl"}
        text = "Your request was missing a required header"
        raise AwsError("MissingSecurityHeader", text, 400, fields)
    return grants


def acl_of(stored: Document | None, account_id: str) -> Grants:
    """The grants that are kept of a bucket or an object; its owner's alone where none are."""
    return [_owners(account_id)] if stored is None else stored["grants"]


def acl_to_response(grants: Grants, account_id: str) -> Params:
    """The answer that shows an ACL."""
    return {"Owner": owner(account_id), "Grants": grants}


def allows_everyone(grants: Grants, permission: str) -> bool:
    """Whether someone who did not sign may do this."""
    return any(
        grant["Grantee"].get("URI") == EVERYONE
        and grant["Permission"] in (permission, "FULL_CONTROL")
        for grant in grants
    )


def is_public_acl(grants: Grants) -> bool:
    """Whether anything is granted to everyone, or to everyone who has any account at all."""
    return any(grant["Grantee"].get("URI") in (EVERYONE, SIGNED) for grant in grants)


def check_owner_alone(grants: Grants, account_id: str) -> None:
    """Make sure that a bucket which is to have no ACLs lets nobody in by one.

    Raises:
        AwsError: it does.
    """
    mine = owner(account_id)["ID"]
    if any(grant["Grantee"].get("ID") != mine for grant in grants):
        text = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
        raise AwsError("InvalidBucketAclWithObjectOwnership", text, 400)


def _canned(name: str, account_id: str, *, of_bucket: bool) -> Grants:
    if name not in (_FOR_BUCKETS if of_bucket else _FOR_OBJECTS):
        raise invalid_argument("x-amz-acl", name, "")
    groups = [_grant({"Type": "Group", "URI": uri}, what) for uri, what in _CANNED[name]]
    return [*groups, _owners(account_id)]


def _from_headers(params: Params, account_id: str) -> Grants:
    grants: Grants = []
    for member, permission in _HEADERS.items():
        for part in params.get(member, "").split(",") if member in params else ():
            found = _GRANTEE.fullmatch(part)
            if found is None:
                text = "Argument format not recognized"
                raise invalid_argument(f"x-amz-grant-{permission.lower()}", part[:200], text)
            grantee = {_TYPES[found[1].lower()]: found[2]}
            grants.append(_grant(_checked(grantee, account_id), permission))
    return _bounded(grants)


def _from_policy(policy: Params, account_id: str) -> Grants:
    if policy.get("Owner", {}).get("ID", owner(account_id)["ID"]) != owner(account_id)["ID"]:
        raise AccessDenied("The owner of a bucket or object cannot be changed.")
    if "Grants" not in policy:
        raise _malformed()
    grants = []
    for grant in _bounded(policy["Grants"]):
        if grant.get("Permission") not in _PERMISSIONS or "Grantee" not in grant:
            raise _malformed()
        grants.append(_grant(_checked(grant["Grantee"], account_id), grant["Permission"]))
    return sorted(grants, key=lambda grant: grant["Grantee"]["Type"] != "Group")  # as canned ones


def _checked(grantee: dict[str, str], account_id: str) -> dict[str, str]:
    """A grantee as it is shown; ``Type`` follows from how it is named."""
    if "EmailAddress" in grantee:
        text = "The e-mail address you provided does not match any account on record."
        raise AwsError("UnresolvableGrantByEmailAddress", text, 400)
    if "URI" in grantee:
        if grantee["URI"] not in (EVERYONE, SIGNED, _LOG_DELIVERY):
            raise invalid_argument("Group/URI", grantee["URI"][:200], "Invalid group uri")
        return {"Type": "Group", "URI": grantee["URI"]}
    if "ID" not in grantee:
        raise _malformed()
    mine = owner(account_id)
    if grantee["ID"] == mine["ID"]:
        return {"Type": "CanonicalUser", **mine}
    if _CANONICAL_ID.fullmatch(grantee["ID"]) is None:
        raise invalid_argument("CanonicalUser/ID", grantee["ID"][:200], "Invalid id")
    return {"Type": "CanonicalUser", "ID": grantee["ID"]}


def _bounded(grants: Grants) -> Grants:
    if len(grants) > _MOST_GRANTS:
        raise _malformed()
    return grants


def _owners(account_id: str) -> dict[str, Any]:
    return _grant({"Type": "CanonicalUser", **owner(account_id)}, "FULL_CONTROL")


def _grant(grantee: dict[str, str], permission: str) -> dict[str, Any]:
    return {"Grantee": grantee, "Permission": permission}


def _malformed() -> AwsError:
    text = (
        "The XML you provided was not well-formed or did not validate against our published schema"
    )
    return AwsError("MalformedACLError", text, 400)
