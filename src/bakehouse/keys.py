"""The key pair that may sign requests, and what a client needs to use it.

It is kept in the data folder, for its owner's eyes only.
"""

from __future__ import annotations

import json
import os
import secrets
import string
from dataclasses import dataclass
from pathlib import Path

from bakehouse.faults import StorageFailed

FILE_NAME = "credentials.json"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An access key: its public id and the secret that signs."""

    access_key_id: str
    secret_access_key: str


def load_or_make(folder: Path) -> KeyPair:
    """The key pair of a data folder, made at the first start (mode 0600).

    Raises:
        StorageFailed: the file is there and cannot be read as a key pair.
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
        stored = json.loads(path.read_text())
        return KeyPair(stored["access_key_id"], stored["secret_access_key"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageFailed(f"{path} cannot be read as a key pair: {error!r}.") from error


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


def _new() -> KeyPair:
    letters = string.ascii_uppercase + "234567"
    key_id = "AKIA" + "".join(secrets.choice(letters) for _ in range(16))
    return KeyPair(key_id, secrets.token_urlsafe(30))


def _write(path: Path, pair: KeyPair) -> None:
    beside = path.with_suffix(".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({k: getattr(pair, k) for k in ("access_key_id", "secret_access_key")}, file)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
