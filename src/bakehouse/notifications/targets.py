"""Delivering one message: to a Lambda function, or as an execution of a state machine."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from bakehouse.faults import CallRefused, InvalidInput, WorkFailed

RunOperation = Callable[[str, str, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Runs one of our own operations: botocore's service name, the operation, its parameters."""

_FUNCTION = re.compile(r"arn:aws:lambda:[a-z0-9-]+:\d{12}:function:[\w-]{1,64}(:[\w$-]+)?")
_MACHINE = re.compile(r"arn:aws:states:[a-z0-9-]+:\d{12}:stateMachine:[\w-]{1,80}")


class Undelivered(WorkFailed):
    """A message did not arrive.

    Args:
        reason: why, as a sentence.
        most: after how many such failures it is given up; None if that depends on time alone.
    """

    def __init__(self, reason: str, most: int | None) -> None:
        self.most = most
        super().__init__(reason)


_OF_A_HANDLER = 3  # as Lambda tries an asynchronous event: once, and twice more


def kind_of(arn: str) -> str:
    """``function`` or ``machine``: what a target is.

    Raises:
        InvalidInput: bakehouse cannot deliver there.
    """
    if _FUNCTION.fullmatch(arn):
        return "function"
    if _MACHINE.fullmatch(arn):
        return "machine"
    raise InvalidInput("Arn", arn, "the ARN of a Lambda function or of a state machine")


async def deliver(call: RunOperation, arn: str, text: str, name: str) -> None:
    """Deliver a message, and return when it has been dealt with.

    Args:
        call: runs the operation.
        arn: the target.
        text: the message, as JSON.
        name: the message's own name: an execution takes it, so that none starts twice.

    Raises:
        Undelivered: it did not arrive, or the handler failed.
    """
    try:
        if kind_of(arn) == "function":
            await _invoke(call, arn, text)
        else:
            await _start(call, arn, text, name)
    except CallRefused as refused:
        is_passing = refused.status == 429 or refused.status >= 500
        raise Undelivered(str(refused), None if is_passing else 1) from refused


async def _invoke(call: RunOperation, arn: str, text: str) -> None:
    """Invoke a function and wait for it: what a queue in memory forgets, the message would too."""
    answer = await call("lambda", "Invoke", {"FunctionName": arn, "Payload": text.encode()})
    if answer.get("FunctionError"):
        told = bytes(answer.get("Payload", b""))[:500].decode(errors="replace")
        raise Undelivered(f"The handler failed: {told}", _OF_A_HANDLER)


async def _start(call: RunOperation, arn: str, text: str, name: str) -> None:
    params = {"stateMachineArn": arn, "name": name, "input": text}
    try:
        await call("stepfunctions", "StartExecution", params)
    except CallRefused as refused:
        if refused.code != "ExecutionAlreadyExists":
            raise
