"""Which group a request means: by its name or by its ARN."""

from __future__ import annotations

import re

from bakehouse.wire.types import AwsError, Params

_IDENTIFIER = re.compile(r"arn:[^:]*:logs:[^:]*:\d*:log-group:([^:]+)(?::\*)?")


def group_from_request(params: Params) -> str:
    """The name of the group in ``logGroupName`` or ``logGroupIdentifier``.

    Raises:
        AwsError: there is neither, or both.
    """
    if "logGroupName" in params and "logGroupIdentifier" in params:
        text = "LogGroup name and LogGroup ARN are mutually exclusive parameters."
        raise AwsError("InvalidParameterException", text)
    if "logGroupName" in params:
        return str(params["logGroupName"])
    if "logGroupIdentifier" not in params:
        text = "Either logGroupName or logGroupIdentifier must be specified."
        raise AwsError("InvalidParameterException", text)
    return group_of_identifier(params["logGroupIdentifier"])


def group_of_identifier(identifier: str) -> str:
    """The name in a group's ARN; anything else is a name itself."""
    found = _IDENTIFIER.fullmatch(identifier)
    return found[1] if found else identifier


def group_of_arn(arn: str) -> str:
    """The name in a group's ARN.

    Raises:
        AwsError: it is not the ARN of a group.
    """
    found = _IDENTIFIER.fullmatch(arn)
    if found is None:
        text = f"The specified resource ARN {arn} is not that of a log group."
        raise AwsError("InvalidParameterException", text)
    return found[1]
