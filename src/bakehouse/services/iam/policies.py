"""Operations on managed policies, and on which of them are attached to a role."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from bakehouse.services.iam import managed
from bakehouse.services.iam.paging import page
from bakehouse.services.iam.store import POLICY, Store, attached, new_id, now
from bakehouse.services.policies.documents import identity_statements
from bakehouse.storage.records import Document
from bakehouse.wire.types import AwsError, Call, Params

_DOCUMENT_BYTES = 6144


async def create_policy(store: Store, call: Call, params: Params) -> Params:
    """Make a policy, in its first and only version."""
    document, name = params["PolicyDocument"], params["PolicyName"]
    if len("".join(document.split())) > _DOCUMENT_BYTES:
        text = f"Cannot exceed quota for PolicySize: {_DOCUMENT_BYTES}"
        raise AwsError("LimitExceeded", text, 409)
    identity_statements(document)
    path, moment = params.get("Path", "/"), now()
    policy = {
        "PolicyName": name,
        "PolicyId": new_id("ANPA"),
        "Arn": f"arn:aws:iam::{call.account_id}:policy{path}{name}",
        "Path": path,
        "DefaultVersionId": "v1",
        "CreateDate": moment,
        "UpdateDate": moment,
        "Document": document,
    } | {k: params[k] for k in ("Description", "Tags") if params.get(k)}
    await store.insert(POLICY, policy["Arn"], policy, name)
    return {"Policy": _policy_to_response(store, policy)}


async def get_policy(store: Store, call: Call, params: Params) -> Params:
    """Tell about a policy."""
    policy = store.policy(params["PolicyArn"])
    more = {k: policy[k] for k in ("Description", "Tags") if k in policy}
    return {"Policy": _policy_to_response(store, policy) | more}


async def get_policy_version(store: Store, call: Call, params: Params) -> Params:
    """A policy's document."""
    policy, version = store.policy(params["PolicyArn"]), params["VersionId"]
    if version != policy["DefaultVersionId"]:
        text = f"Policy {policy['Arn']} version {version} does not exist or is not attachable."
        raise AwsError("NoSuchEntity", text, 404)
    return {
        "PolicyVersion": {
            "Document": quote(policy["Document"], safe=""),
            "VersionId": version,
            "IsDefaultVersion": True,
            "CreateDate": datetime.fromisoformat(policy["UpdateDate"]),
        }
    }


async def list_policies(store: Store, call: Call, params: Params) -> Params:
    """The account's policies, AWS's, or both."""
    scope, prefix = params.get("Scope", "All"), params.get("PathPrefix", "/")
    found = store.policies() if scope != "AWS" else []
    if scope != "Local":
        found += store.known_managed()
    if params.get("PolicyUsageFilter") == "PermissionsBoundary":
        found = []
    if params.get("OnlyAttached"):
        used = {arn for role in store.roles() for arn in attached(role)}
        found = [policy for policy in found if policy["Arn"] in used]
    kept = [policy for policy in found if policy["Path"].startswith(prefix)]
    return page(kept, params, "Policies", _arn, lambda one: _policy_to_response(store, one))


async def delete_policy(store: Store, call: Call, params: Params) -> Params:
    """Remove a policy that is attached nowhere."""
    if managed.is_managed(params["PolicyArn"]):
        text = "Policies that AWS keeps cannot be deleted."
        raise AwsError("AccessDenied", text, 403)
    await store.remove_policy(params["PolicyArn"])
    return {}


async def attach_role_policy(store: Store, call: Call, params: Params) -> Params:
    """Attach a policy to a role."""
    await store.attach(params["RoleName"], params["PolicyArn"])
    return {}


async def detach_role_policy(store: Store, call: Call, params: Params) -> Params:
    """Take a policy off a role."""
    arn = params["PolicyArn"]

    def changed(role: Document) -> Document:
        policies = attached(role)
        if policies.pop(arn, None) is None:
            raise AwsError("NoSuchEntity", f"Policy {arn} was not found.", 404)
        return role | {"Attached": policies}

    await store.change_role(params["RoleName"], changed)
    return {}


async def list_attached_role_policies(store: Store, call: Call, params: Params) -> Params:
    """The policies that are attached to a role."""
    prefix = params.get("PathPrefix", "/")
    found = [
        {"PolicyName": name, "PolicyArn": arn}
        for arn, name in attached(store.role(params["RoleName"])).items()
        if arn.partition(":policy")[2].startswith(prefix)
    ]
    return page(found, params, "AttachedPolicies", lambda one: one["PolicyArn"], lambda one: one)


def _policy_to_response(store: Store, policy: Mapping[str, Any]) -> Params:
    names = ("PolicyName", "PolicyId", "Arn", "Path", "DefaultVersionId")
    return {name: policy[name] for name in names} | {
        "AttachmentCount": store.attachments(policy["Arn"]),
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
        "CreateDate": datetime.fromisoformat(policy["CreateDate"]),
        "UpdateDate": datetime.fromisoformat(policy["UpdateDate"]),
    }


def _arn(policy: Mapping[str, Any]) -> str:
    return str(policy["Arn"])
