"""Pages of answers: how long they are, and the tokens with which the next one is asked for."""

from __future__ import annotations

import re
from urllib.parse import quote

from bakehouse.services import page_tokens
from bakehouse.services.s3.errors import invalid_argument
from bakehouse.wire.types import Params

_LARGEST = 2**31 - 1
_UNRESERVED = re.compile("[A-Za-z0-9_.~/-]*")


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


def marker_number(params: Params) -> int:
    """The part after which a page of parts begins.

    Raises:
        AwsError: it is no whole number from 0 to 2,147,483,647.
    """
    given = str(params.get("PartNumberMarker", 0))
    if not (given.isascii() and given.isdecimal() and int(given[:11]) <= _LARGEST):
        text = f"Argument part-number-marker must be an integer between 0 and {_LARGEST}"
        raise invalid_argument("part-number-marker", given[:200], text)
    return int(given)


def place_of(token: str) -> str:
    """Where the page of a continuation token begins.

    Raises:
        AwsError: it is none of ours.
    """
    try:
        return page_tokens.read(token)
    except ValueError as error:
        text = "The continuation token provided is incorrect"
        raise invalid_argument("continuation-token", token, text) from error


def spelled(text: str, params: Params) -> str:
    """A key as the client wants it: percent-encoded where XML could not hold it otherwise."""
    if params.get("EncodingType") != "url" or _UNRESERVED.fullmatch(text):
        return text
    return quote(text, safe="/")
