"""AWS Security Token Service: who am I, and keys for a while.

The caller is an assumed role, never a user: ``sagemaker.get_execution_role()`` takes the role's
name out of the ARN and asks IAM for it. A role that is assumed need not be known to IAM here, and
its trust policy is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from bakehouse import clock
from bakehouse.faults import Rejected
from bakehouse.keys import new_key_id
from bakehouse.services.sts.callers import ROLE_ID, Callers, role_arn
from bakehouse.sessions import Session
from bakehouse.wire.types import AwsError, Call, Caller, Operation, Params, Service

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/(?:[\x21-\x7e]+/)?([\w+=,.@-]{1,64})", re.A)
_CHAINED_S = 3600
_NOT_BUILT = ("Policy", "PolicyArns", "SerialNumber", "TokenCode", "ProvidedContexts")
"""Members that narrow what a session may do, or who may have one: nothing here would heed them."""


Longest = Callable[[str], int | None]
"""The name of a role → for how many seconds it may be assumed; None for an unknown one."""


def service(callers: Callers, longest_session_s: Longest) -> Service:
    """The door of STS over the key pairs of a data folder, and the roles that IAM knows."""
    return Service(
        name="sts",
        signing_name="sts",
        operations={
            "AssumeRole": _assume_role(callers, longest_session_s),
            "GetCallerIdentity": _get_caller_identity(callers),
            "GetSessionToken": _get_session_token(callers),
        },
        aws_error=aws_error,
        invalid_code="ValidationError",
    )


def _get_caller_identity(callers: Callers) -> Operation:
    async def get_caller_identity(call: Call, params: Params) -> Params:
        caller = call.caller or callers.own()
        account = caller.arn.split(":")[4]
        return {"UserId": caller.user_id, "Account": account, "Arn": caller.arn}

    return get_caller_identity


def _assume_role(callers: Callers, longest_session_s: Longest) -> Operation:
    async def assume_role(call: Call, params: Params) -> Params:
        _refuse_unbuilt(params)
        found = _ROLE.fullmatch(params["RoleArn"])
        if found is None:
            raise AwsError("ValidationError", f"{params['RoleArn']} is invalid", 400)
        caller, name = call.caller or callers.own(), params["RoleSessionName"]
        wanted_s = params.get("DurationSeconds", 3600)
        if _is_session(caller) and wanted_s > _CHAINED_S:
            text = (
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed "
                "by role chaining"
            )
            raise AwsError("ValidationError", text, 400)
        longest_s = longest_session_s(found[2]) if found[1] == callers.account_id else None
        if longest_s is not None and wanted_s > longest_s:
            text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
            raise AwsError("ValidationError", text, 400)
        session = _session(caller, found[1], found[2], name, wanted_s)
        user = {"AssumedRoleId": f"{ROLE_ID}:{name}", "Arn": role_arn(found[1], found[2], name)}
        answer: Params = {
            "Credentials": _credentials(callers, caller, session),
            "AssumedRoleUser": user,
        }
        if "SourceIdentity" in params:
            answer["SourceIdentity"] = params["SourceIdentity"]
        return answer

    return assume_role


def _get_session_token(callers: Callers) -> Operation:
    async def get_session_token(call: Call, params: Params) -> Params:
        _refuse_unbuilt(params)
        caller = call.caller or callers.own()
        if _is_session(caller):
            text = "Cannot call GetSessionToken with session credentials"
            raise AwsError("AccessDenied", text, 403)
        _, role, name = caller.arn.split("/")
        wanted_s = params.get("DurationSeconds", 43_200)
        session = _session(caller, callers.account_id, role, name, wanted_s)
        return {"Credentials": _credentials(callers, caller, session)}

    return get_session_token


def _refuse_unbuilt(params: Params) -> None:
    for member in _NOT_BUILT:
        if params.get(member):
            text = f"bakehouse does not narrow sessions by {member}."
            raise AwsError("NotImplemented", text, 501)


def _is_session(caller: Caller) -> bool:
    return caller.access_key_id != caller.root_key_id


def _session(caller: Caller, account_id: str, role: str, name: str, wanted_s: int) -> Session:
    until = int(clock.now().timestamp()) + wanted_s
    return Session(new_key_id("ASIA"), caller.root_key_id, account_id, role, name, until)


def _credentials(callers: Callers, caller: Caller, session: Session) -> Params:
    secret, token = callers.issue(caller, session)
    return {
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": secret,
        "SessionToken": token,
        "Expiration": datetime.fromtimestamp(session.expires_s, UTC),
    }


def aws_error(fault: Rejected) -> AwsError:
    """A rejection in STS's words."""
    return AwsError("ValidationError", fault.message)
