"""The key pair that may sign requests, and what a client needs to use it.

It is kept in the data folder, for its owner's eyes only.
"""

from __future__ import annotations

import json
import secrets
import string
from dataclasses import dataclass
from pathlib import Path

from bakehouse.faults import StorageFailed
from bakehouse.storage.files import write_durably

FILE_NAME = "credentials.json"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An access key: its public id and the secret that signs."""

    access_key_id: str
    secret_access_key: str


def load_or_make(folder: Path) -> KeyPair:
    """The key pair of a data folder, made at the first start (mode 0600).

    Raises:
        StorageFailed: the file is there and holds no key pair, or it cannot be read or written.
    """
    path = folder / FILE_NAME
    if not path.exists():
        _write(path, _new())
    return load(folder)


def load(folder: Path) -> KeyPair:
    """The key pair of a data folder that has been started before.

    Raises:
        StorageFailed: there is none, or it cannot be read.
    """
    path = folder / FILE_NAME
    try:
        text = path.read_text("utf-8", "replace")
    except FileNotFoundError as error:
        raise StorageFailed(
            f"There is no key pair at {path}. Start a server with this data folder to make one."
        ) from error
    except OSError as error:
        raise StorageFailed(f"The key pair at {path} cannot be read: {error}.") from error
    pair = _parsed(text)
    if pair is None:
        raise StorageFailed(
            f"{path} does not hold a key pair. Delete it and start the server again for a new one;"
            " clients then need the output of `bakehouse env` anew."
        )
    return pair


def client_environment(endpoint: str, pair: KeyPair, region: str) -> dict[str, str]:
    """The variables that make any AWS client speak to a server, in the order in which to show them.

    Host prefixes are switched off because ``sync-127.0.0.1`` is no address.
    """
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": pair.access_key_id,
        "AWS_SECRET_ACCESS_KEY": pair.secret_access_key,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }


def _parsed(text: str) -> KeyPair | None:
    try:
        stored = json.loads(text)
        values = stored["access_key_id"], stored["secret_access_key"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return KeyPair(*values) if all(isinstance(v, str) and v for v in values) else None


def _new() -> KeyPair:
    letters = string.ascii_uppercase + "234567"
    key_id = "AKIA" + "".join(secrets.choice(letters) for _ in range(16))
    return KeyPair(key_id, secrets.token_urlsafe(30))


def _write(path: Path, pair: KeyPair) -> None:
    stored = {k: getattr(pair, k) for k in ("access_key_id", "secret_access_key")}
    try:
        write_durably(path, json.dumps(stored).encode(), mode=0o600)
    except OSError as error:
        raise StorageFailed(f"The key pair cannot be written to {path}: {error}.") from error
