"""AWS Identity and Access Management: the roles that jobs, functions and state machines name.

Roles are kept and told back; what their policies say is not enforced.
"""

from __future__ import annotations

import json
import secrets
import string
from datetime import datetime
from typing import Any
from urllib.parse import quote

from bakehouse import clock
from bakehouse.faults import AlreadyExists, NotFound, Rejected
from bakehouse.storage.records import Insert, KeyTaken, Record, Records, commit_async
from bakehouse.wire.types import AwsError, Call, Params, Service

DEFAULT_ROLE = "AmazonSageMaker-ExecutionRole-local"
"""The role that every data folder has from the start."""

_KIND = "iam/role"
_ID_LETTERS = string.ascii_uppercase + "234567"
_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {
                    "Service": [
                        "sagemaker.amazonaws.com",
                        "lambda.amazonaws.com",
                        "states.amazonaws.com",
                    ]
                },
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


def service(records: Records) -> Service:
    """The door of IAM over the roles in ``records``."""

    async def create_role(call: Call, params: Params) -> Params:
        role = _role(call.account_id, params)
        await _insert(records, role)
        return {"Role": role_to_response(role)}

    async def get_role(call: Call, params: Params) -> Params:
        return {"Role": role_to_response(_get(records, params["RoleName"]).value)}

    return Service(
        name="iam",
        signing_name="iam",
        operations={"CreateRole": create_role, "GetRole": get_role},
        aws_error=aws_error,
        invalid_code="ValidationError",
        broken_code="ServiceFailure",
    )


async def add_default_role(records: Records, account_id: str) -> None:
    """Make the role that a data folder starts with, unless it is there."""
    if records.get(_KIND, DEFAULT_ROLE) is None:
        wanted = {
            "RoleName": DEFAULT_ROLE,
            "Path": "/service-role/",
            "AssumeRolePolicyDocument": _TRUST,
        }
        await _insert(records, _role(account_id, wanted))


async def _insert(records: Records, role: dict[str, Any]) -> None:
    try:
        await commit_async(records, Insert(_KIND, role["RoleName"], role))
    except KeyTaken as taken:
        raise AlreadyExists("role", role["RoleName"]) from taken


def _get(records: Records, name: str) -> Record:
    record = records.get(_KIND, name)
    if record is None:
        raise NotFound("role", name)
    return record


def _role(account_id: str, params: Params) -> dict[str, Any]:
    """A role's document, from a request."""
    name, path = params["RoleName"], params.get("Path", "/")
    _check_policy(params["AssumeRolePolicyDocument"])
    role = {
        "Path": path,
        "RoleName": name,
        "RoleId": "AROA" + "".join(secrets.choice(_ID_LETTERS) for _ in range(17)),
        "Arn": f"arn:aws:iam::{account_id}:role{path}{name}",
        "CreateDate": clock.to_second(clock.now()).isoformat(),
        "AssumeRolePolicyDocument": params["AssumeRolePolicyDocument"],
        "MaxSessionDuration": params.get("MaxSessionDuration", 3600),
    }
    return role | {k: params[k] for k in ("Description", "Tags") if params.get(k)}


def _check_policy(document: str) -> None:
    try:
        sound = isinstance(json.loads(document), dict)
    except ValueError:
        sound = False
    if not sound:
        text = "This policy contains invalid Json"
        raise AwsError("MalformedPolicyDocument", text, 400)


def role_to_response(role: dict[str, Any]) -> Params:
    """A role as IAM tells it: the trust policy percent-encoded, the date a timestamp."""
    return role | {
        "CreateDate": datetime.fromisoformat(role["CreateDate"]),
        "AssumeRolePolicyDocument": quote(role["AssumeRolePolicyDocument"], safe=""),
    }


def aws_error(fault: Rejected) -> AwsError:
    """A rejection in IAM's words."""
    match fault:
        case NotFound():
            text = f"The role with name {fault.name} cannot be found."
            return AwsError("NoSuchEntity", text, 404)
        case AlreadyExists():
            text = f"Role with name {fault.name} already exists."
            return AwsError("EntityAlreadyExists", text, 409)
    return AwsError("ValidationError", fault.message)
