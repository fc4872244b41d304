"""The token of a page: where it begins, as a text that clients give back unread.

It names a place in what is listed and nothing in memory, so it holds across a restart.
"""

from __future__ import annotations

import base64


def write(after: str) -> str:
    """The token of the page that begins behind a place."""
    return base64.urlsafe_b64encode(after.encode()).decode()


def read(token: str) -> str:
    """The place in a token.

    Raises:
        ValueError: it is none that :func:`write` gave.
    """
    return base64.b64decode(token, altchars=b"-_", validate=True).decode()
