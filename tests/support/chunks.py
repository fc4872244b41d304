"""Bodies in ``aws-chunked`` form, made from the signatures' definition."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

EMPTY = hashlib.sha256(b"").hexdigest()


class Signer:
    """Signs one chunk after the other.

    Args:
        secret: the secret access key.
        stamp: the request's ``X-Amz-Date``.
        scope: its credential scope.
        seed: its signature.
    """

    def __init__(self, secret: str, stamp: str, scope: str, seed: str) -> None:
        self.stamp, self.scope, self.last = stamp, scope, seed
        self.key = f"AWS4{secret}".encode()
        for part in scope.split("/"):
            self.key = hmac.new(self.key, part.encode(), hashlib.sha256).digest()

    def chunk(self, data: bytes) -> str:
        """The signature of the next chunk."""
        return self._sign("PAYLOAD", f"{EMPTY}\n{hashlib.sha256(data).hexdigest()}")

    def trailer(self, trailers: Mapping[str, str]) -> str:
        """The signature of the headers behind the last chunk."""
        lines = "".join(f"{name}:{value}\n" for name, value in trailers.items())
        return self._sign("TRAILER", hashlib.sha256(lines.encode()).hexdigest())

    def _sign(self, kind: str, rest: str) -> str:
        text = f"AWS4-HMAC-SHA256-{kind}\n{self.stamp}\n{self.scope}\n{self.last}\n{rest}"
        self.last = hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()
        return self.last


def signer_after(headers: Mapping[str, str], secret: str) -> Signer:
    """The signer of the chunks of a request that was signed in its header."""
    given = {name.lower(): value for name, value in headers.items()}
    parts = dict(
        part.strip().partition("=")[::2]
        for part in given["authorization"].partition(" ")[2].split(",")
    )
    scope = parts["Credential"].partition("/")[2]
    return Signer(secret, given["x-amz-date"], scope, parts["Signature"])


def encoded(
    content: bytes, size: int, signer: Signer | None = None, trailers: Mapping[str, str] = {}
) -> bytes:
    """The content in chunks of a size, with headers behind the last."""
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    made = b"".join(_chunk(piece, signer) + b"\r\n" for piece in pieces)
    made += _chunk(b"", signer)
    made += b"".join(f"{name}:{value}\r\n".encode() for name, value in trailers.items())
    if signer is not None and trailers:
        made += f"x-amz-trailer-signature:{signer.trailer(trailers)}\r\n".encode()
    return made + b"\r\n"


def _chunk(data: bytes, signer: Signer | None) -> bytes:
    signature = "" if signer is None else f";chunk-signature={signer.chunk(data)}"
    return f"{len(data):x}{signature}\r\n".encode() + data
