"""Pages of answers: how long they are, and the tokens with which the next one is asked for."""

from __future__ import annotations

import base64

from bakehouse.services.s3.errors import invalid_argument
from bakehouse.wire.types import Params

_LARGEST = 2**31 - 1


def page_size(params: Params, member: str, most: int = 1000) -> int:
    """How many entries a page has: as many as ``member`` asks for, up to ``most``.

    Raises:
        AwsError: it is less than 0 or more than 2,147,483,647.
    """
    asked: int = params.get(member, most)
    if not 0 <= asked <= _LARGEST:
        name = member[0].lower() + member[1:]
        text = f"Argument {name} must be an integer between 0 and {_LARGEST}"
        raise invalid_argument(name, asked, text)
    return min(asked, most)


def encode_token(after: str) -> str:
    """A continuation token: where the next page begins, made opaque."""
    return base64.urlsafe_b64encode(after.encode()).decode()


def decode_token(token: str) -> str:
    """Where the page of a continuation token begins.

    Raises:
        AwsError: it is none of ours.
    """
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError as error:
        text = "The continuation token provided is incorrect"
        raise invalid_argument("continuation-token", token, text) from error
