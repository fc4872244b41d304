"""Operations on roles: the roles themselves, their tags, and the policies inside them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from bakehouse.services.iam.paging import page
from bakehouse.services.iam.store import ROLE, Store, inline, new_role
from bakehouse.services.policies.documents import identity_statements, trust_statements
from bakehouse.storage.records import Document
from bakehouse.wire.types import AwsError, Call, Params

_MOST_TAGS = 50
_INLINE_BYTES = 10_240
_LISTED = (
    "Path",
    "RoleName",
    "RoleId",
    "Arn",
    "CreateDate",
    "AssumeRolePolicyDocument",
    "Description",
    "MaxSessionDuration",
)


async def create_role(store: Store, call: Call, params: Params) -> Params:
    """Make a role."""
    trust_statements(params["AssumeRolePolicyDocument"])
    if "PermissionsBoundary" in params:
        raise AwsError("NotImplemented", "bakehouse does not keep permissions boundaries.", 501)
    _check_tags(params.get("Tags", []))
    role = new_role(call.account_id, params)
    await store.insert(ROLE, role["RoleName"], role, role["RoleName"])
    return {"Role": role_to_response(role)}


async def get_role(store: Store, call: Call, params: Params) -> Params:
    """Tell about a role."""
    return {"Role": role_to_response(store.role(params["RoleName"]))}


async def list_roles(store: Store, call: Call, params: Params) -> Params:
    """The roles below a path, by name, without their tags."""
    prefix = params.get("PathPrefix", "/")
    found = [role for role in store.roles() if role["Path"].startswith(prefix)]
    return page(found, params, "Roles", _name, _listed)


async def delete_role(store: Store, call: Call, params: Params) -> Params:
    """Remove a role that has no policies."""
    await store.remove_role(params["RoleName"])
    return {}


async def update_assume_role_policy(store: Store, call: Call, params: Params) -> Params:
    """Replace what says who may assume a role."""
    document = params["PolicyDocument"]
    trust_statements(document)
    changed = {"AssumeRolePolicyDocument": document}
    await store.change_role(params["RoleName"], lambda role: role | changed)
    return {}


async def tag_role(store: Store, call: Call, params: Params) -> Params:
    """Add tags to a role; one of the same key is replaced."""

    def tagged(role: Document) -> Document:
        tags = _by_key(role.get("Tags", [])) | _by_key(params["Tags"])
        _check_tags(list(tags.values()))
        return role | {"Tags": list(tags.values())}

    _check_tags(params["Tags"])
    await store.change_role(params["RoleName"], tagged)
    return {}


async def untag_role(store: Store, call: Call, params: Params) -> Params:
    """Remove tags from a role; it is no error that they are not there."""
    gone = {key.lower() for key in params["TagKeys"]}

    def untagged(role: Document) -> Document:
        kept = [tag for tag in role.get("Tags", []) if tag["Key"].lower() not in gone]
        return role | {"Tags": kept}

    await store.change_role(params["RoleName"], untagged)
    return {}


async def list_role_tags(store: Store, call: Call, params: Params) -> Params:
    """A role's tags, by key."""
    tags = store.role(params["RoleName"]).get("Tags", [])
    return page(tags, params, "Tags", lambda tag: str(tag["Key"]), lambda tag: tag)


# Policies inside a role


async def put_role_policy(store: Store, call: Call, params: Params) -> Params:
    """Write a policy into a role, whatever was there under its name."""
    identity_statements(params["PolicyDocument"])
    written = {params["PolicyName"]: params["PolicyDocument"]}

    def changed(role: Document) -> Document:
        policies = inline(role) | written
        if sum(len("".join(document.split())) for document in policies.values()) > _INLINE_BYTES:
            text = f"Maximum policy size of {_INLINE_BYTES} bytes exceeded for role "
            raise AwsError("LimitExceeded", text + role["RoleName"], 409)
        return role | {"Inline": policies}

    await store.change_role(params["RoleName"], changed)
    return {}


async def get_role_policy(store: Store, call: Call, params: Params) -> Params:
    """A policy inside a role."""
    name = params["PolicyName"]
    document = inline(store.role(params["RoleName"])).get(name)
    if document is None:
        raise _no_such_policy(name)
    return {
        "RoleName": params["RoleName"],
        "PolicyName": name,
        "PolicyDocument": quote(document, safe=""),
    }


async def delete_role_policy(store: Store, call: Call, params: Params) -> Params:
    """Remove a policy from inside a role."""
    name = params["PolicyName"]

    def changed(role: Document) -> Document:
        policies = inline(role)
        if policies.pop(name, None) is None:
            raise _no_such_policy(name)
        return role | {"Inline": policies}

    await store.change_role(params["RoleName"], changed)
    return {}


async def list_role_policies(store: Store, call: Call, params: Params) -> Params:
    """The names of the policies inside a role."""
    names = list(inline(store.role(params["RoleName"])))
    return page(names, params, "PolicyNames", str, str)


def role_to_response(role: Mapping[str, Any]) -> Params:
    """A role as IAM tells it: the trust policy percent-encoded, the date a timestamp."""
    tags = role.get("Tags")
    return _listed(role) | ({"Tags": tags} if tags else {})


def _listed(role: Mapping[str, Any]) -> Params:
    told = {name: role[name] for name in _LISTED if name in role}
    return told | {
        "CreateDate": datetime.fromisoformat(role["CreateDate"]),
        "AssumeRolePolicyDocument": quote(role["AssumeRolePolicyDocument"], safe=""),
    }


def _name(role: Mapping[str, Any]) -> str:
    return str(role["RoleName"])


def _by_key(tags: list[Params]) -> dict[str, Params]:
    """Tags by their key, of which IAM does not look at the case."""
    return {tag["Key"].lower(): tag for tag in tags}


def _check_tags(tags: list[Params]) -> None:
    if len(_by_key(tags)) < len(tags):
        text = "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        raise AwsError("InvalidInput", text, 400)
    if len(tags) > _MOST_TAGS:
        text = f"The number of tags has reached the maximum limit of {_MOST_TAGS}."
        raise AwsError("LimitExceeded", text, 409)


def _no_such_policy(name: str) -> AwsError:
    return AwsError("NoSuchEntity", f"The role policy with name {name} cannot be found.", 404)
