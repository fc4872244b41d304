"""Pages of listings: how long they are, and the ``nextToken`` that clients pass back."""

from __future__ import annotations

from bakehouse.services import page_tokens
from bakehouse.wire.types import AwsError

PAGE = 100
"""The entries of a page, where the client does not say."""


def read(token: str | None) -> str:
    """The key in a token; empty for the first page.

    Raises:
        AwsError: InvalidToken.
    """
    if token is None:
        return ""
    try:
        return page_tokens.read(token)
    except ValueError as error:
        raise _invalid(token) from error


def read_number(token: str | None) -> int | None:
    """The number in a token; None for the first page.

    Raises:
        AwsError: InvalidToken.
    """
    text = read(token)
    if token is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise _invalid(token)
    return int(text)


def _invalid(token: str) -> AwsError:
    return AwsError("InvalidToken", f"Invalid Token: '{token[:200]}'")
