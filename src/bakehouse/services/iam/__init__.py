"""AWS Identity and Access Management: the roles that jobs, functions and state machines name.

Roles and policies are kept, told back and simulated; they are not enforced. There are no users: who
signs plays a role.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from bakehouse.faults import AlreadyExists, NotFound, Rejected
from bakehouse.services.iam import policies, roles, simulation
from bakehouse.services.iam.store import (
    DEFAULT_ROLE,
    Store,
    add_default_role,
    longest_session_s,
)
from bakehouse.storage.records import Records
from bakehouse.wire.types import AwsError, Call, Params, Service

__all__ = ["DEFAULT_ROLE", "add_default_role", "aws_error", "longest_session_s", "service"]

_Run = Callable[[Store, Call, Params], Awaitable[Params]]


async def _get_user(store: Store, call: Call, params: Params) -> Params:
    """There are no users, as every caller plays a role."""
    if "UserName" in params:
        raise NotFound("user", params["UserName"])
    text = "Must specify userName when calling with non-User credentials"
    raise AwsError("ValidationError", text, 400)


_OPERATIONS: dict[str, _Run] = {
    "AttachRolePolicy": policies.attach_role_policy,
    "CreatePolicy": policies.create_policy,
    "CreateRole": roles.create_role,
    "DeletePolicy": policies.delete_policy,
    "DeleteRole": roles.delete_role,
    "DeleteRolePolicy": roles.delete_role_policy,
    "DetachRolePolicy": policies.detach_role_policy,
    "GetPolicy": policies.get_policy,
    "GetPolicyVersion": policies.get_policy_version,
    "GetRole": roles.get_role,
    "GetRolePolicy": roles.get_role_policy,
    "GetUser": _get_user,
    "ListAttachedRolePolicies": policies.list_attached_role_policies,
    "ListPolicies": policies.list_policies,
    "ListRolePolicies": roles.list_role_policies,
    "ListRoleTags": roles.list_role_tags,
    "ListRoles": roles.list_roles,
    "PutRolePolicy": roles.put_role_policy,
    "SimulatePrincipalPolicy": simulation.simulate_principal_policy,
    "TagRole": roles.tag_role,
    "UntagRole": roles.untag_role,
    "UpdateAssumeRolePolicy": roles.update_assume_role_policy,
}


def service(records: Records) -> Service:
    """The door of IAM over the roles and policies in ``records``."""
    store = Store(records)
    return Service(
        name="iam",
        signing_name="iam",
        operations={name: partial(run, store) for name, run in _OPERATIONS.items()},
        aws_error=aws_error,
        invalid_code="ValidationError",
        broken_code="ServiceFailure",
    )


def aws_error(fault: Rejected) -> AwsError:
    """A rejection in IAM's words."""
    match fault:
        case NotFound(kind="policy", name=name):
            return AwsError("NoSuchEntity", f"Policy {name} was not found.", 404)
        case NotFound(kind=kind, name=name):
            return AwsError("NoSuchEntity", f"The {kind} with name {name} cannot be found.", 404)
        case AlreadyExists(kind="policy", name=name):
            text = f"A policy called {name} already exists. Duplicate names are not allowed."
            return AwsError("EntityAlreadyExists", text, 409)
        case AlreadyExists(kind=kind, name=name):
            text = f"{kind.capitalize()} with name {name} already exists."
            return AwsError("EntityAlreadyExists", text, 409)
    return AwsError("ValidationError", fault.message)
