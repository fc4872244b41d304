"""Temporary keys: a session token that tells everything, sealed with the key it was issued under.

Nothing is stored. The token holds who the session is and until when; its seal and the secret that
belongs to it follow from the secret of the long-term key. So a token survives a restart, nobody
without that key can make one, and all end when that key is revoked.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from bakehouse.keys import KeyPair

_SEAL_BYTES = 32
_LONGEST_TOKEN = 4096
_SECRET_LETTERS = 40


@dataclass(frozen=True, slots=True)
class Session:
    """Who a temporary key is, and until when."""

    access_key_id: str
    root_key_id: str
    """The long-term key under which it was issued."""
    account_id: str
    role: str
    """The role that it plays."""
    name: str
    """The name of the session."""
    expires_s: int
    """Seconds since 1970."""

    def has_expired(self, now: datetime) -> bool:
        """Whether it is over."""
        return now.timestamp() >= self.expires_s


def token_of(session: Session, root: KeyPair) -> str:
    """The session token, sealed with the long-term key's secret."""
    content = json.dumps(asdict(session), separators=(",", ":")).encode()
    return base64.b64encode(_mac(root, b"seal", content) + content).decode()


def secret_of(token: str, root: KeyPair) -> str:
    """The secret access key that belongs to a session token."""
    return base64.b64encode(_mac(root, b"secret", token.encode())).decode()[:_SECRET_LETTERS]


def opened(token: str, pairs: Mapping[str, KeyPair]) -> tuple[Session, str] | None:
    """The session of a token and its secret; None if none of these keys has sealed it.

    It is not looked at whether it has expired.
    """
    session = _content(token)
    root = None if session is None else pairs.get(session.root_key_id)
    if session is None or root is None:
        return None
    seal = base64.b64decode(token)[:_SEAL_BYTES]
    content = base64.b64decode(token)[_SEAL_BYTES:]
    if not hmac.compare_digest(seal, _mac(root, b"seal", content)):
        return None
    return session, secret_of(token, root)


@functools.lru_cache(maxsize=256)
def _content(token: str) -> Session | None:
    """What a token says, believed or not."""
    if len(token) > _LONGEST_TOKEN:
        return None
    try:
        told = json.loads(base64.b64decode(token, validate=True)[_SEAL_BYTES:])
        session = Session(**told)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        return None
    return session if isinstance(session.root_key_id, str) else None


def _mac(root: KeyPair, purpose: bytes, content: bytes) -> bytes:
    key = b"bakehouse session " + root.secret_access_key.encode()
    return hmac.new(key, purpose + b"\0" + content, hashlib.sha256).digest()
