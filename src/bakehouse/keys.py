"""The key pairs that may sign requests, and what a client needs to use them.

They are kept in one file of the data folder, for its owner's eyes only. The first is the server's
own: the one that ``bakehouse env`` prints and that functions and jobs get. The others were added,
for some services or for all.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import secrets
import string
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from bakehouse.faults import AlreadyExists, InvalidInput, NotFound, StorageFailed
from bakehouse.storage.files import alone_in, write_durably

FILE_NAME = "credentials.json"
OWN_NAME = "SageMaker"
"""The name of the server's own pair: that of the session in the caller's ARN."""
SERVICES = (
    "cloudwatch",
    "events",
    "iam",
    "lambda",
    "logs",
    "s3",
    "sagemaker",
    "sagemaker-runtime",
    "stepfunctions",
    "sts",
)
"""What a pair can be kept to; ``sts`` may always be asked."""
_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
LOOK_EVERY_S = 0.05
"""How old a ring's knowledge of its file may be: what is revoked ends after that."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An access key: its public id and the secret that signs."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    name: str = OWN_NAME
    services: frozenset[str] | None = None
    """The services that it may call; None for all."""
    created: str = ""
    """When it was added (ISO 8601, UTC); empty for one of the first version."""


class Keyring:
    """The key pairs of a data folder, as they are now: what another process changes is seen.

    Args:
        folder: the data folder.

    Raises:
        StorageFailed: the file is there and holds no key pair, or it cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        load_or_make(folder)
        self._path = folder / FILE_NAME
        self._seen: tuple[int, int] = (0, 0)
        self._looked = 0.0
        self._pairs: Mapping[str, KeyPair] = {}
        self.pairs()

    def pairs(self, *, old_s: float = LOOK_EVERY_S) -> Mapping[str, KeyPair]:
        """Access key id → pair, the server's own first; at most so old.

        The same mapping comes back for as long as nothing has changed. If the file is damaged or
        gone, what it held last goes on.
        """
        now = time.monotonic()
        if now - self._looked > old_s:
            self._looked = now
            with contextlib.suppress(OSError, StorageFailed):
                self._look()
        return self._pairs

    def own(self) -> KeyPair:
        """The server's own pair."""
        return next(iter(self.pairs().values()))

    def _look(self) -> None:
        status = self._path.stat()
        seen = status.st_mtime_ns, status.st_ino
        if seen != self._seen:
            self._pairs = {pair.access_key_id: pair for pair in load_all(self._path.parent)}
            self._seen = seen


def load_or_make(folder: Path) -> KeyPair:
    """The server's own key pair of a data folder, made at the first start (mode 0600).

    Raises:
        StorageFailed: the file is there and holds no key pair, or it cannot be read or written.
    """
    path = folder / FILE_NAME
    if not path.exists():
        with _locked(folder):
            if not path.exists():
                _write(path, [_new()])
    return load(folder)


def load(folder: Path) -> KeyPair:
    """The server's own key pair of a data folder that has been started before.

    Raises:
        StorageFailed: there is none, or it cannot be read.
    """
    return load_all(folder)[0]


def load_all(folder: Path) -> list[KeyPair]:
    """All key pairs of a data folder, the server's own first.

    Raises:
        StorageFailed: there is none, or they cannot be read.
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
    pairs = _parsed(text)
    if pairs is None:
        raise StorageFailed(
            f"{path} does not hold a key pair. Delete it and start the server again for a new one;"
            " clients then need the output of `bakehouse env` anew."
        )
    return pairs


def add(folder: Path, name: str | None, services: Sequence[str], now: datetime) -> KeyPair:
    """Add a key pair; a server that runs knows it at once.

    Args:
        folder: the data folder.
        name: what it is called in the caller's ARN; None numbers it.
        services: what it may call, by botocore's names; none for all.
        now: the time.

    Raises:
        InvalidInput: the name or a service is none.
        AlreadyExists: there is a pair of that name.
        StorageFailed: the file cannot be read or written.
    """
    if name is not None and not _NAME.fullmatch(name):
        allowed = "2 to 64 letters, digits and characters of _+=,.@-"
        raise InvalidInput("name", name, allowed)
    for service in services:
        if service not in SERVICES:
            raise InvalidInput("service", service, f"one of {', '.join(SERVICES)}")
    allowed_services = frozenset({*services, "sts"}) if services else None
    created = now.isoformat(timespec="seconds")
    with _changing(folder) as pairs:
        taken = {pair.name for pair in pairs}
        if name in taken:
            raise AlreadyExists("key pair", name)
        name = name or next(n for i in itertools.count(1) if (n := f"client-{i}") not in taken)
        pair = replace(_new(), name=name, services=allowed_services, created=created)
        pairs.append(pair)
    return pair


def revoke(folder: Path, access_key_id: str) -> KeyPair | None:
    """Remove a key pair, with the temporary keys under it; a server that runs knows it at once.

    Returns:
        the server's new own pair, if that was the one to be removed.

    Raises:
        NotFound: there is no such key.
        StorageFailed: the file cannot be read or written.
    """
    with _changing(folder) as pairs:
        numbers = {pair.access_key_id: number for number, pair in enumerate(pairs)}
        number = numbers.get(access_key_id)
        if number is None:
            raise NotFound("key", access_key_id)
        if number:
            del pairs[number]
            return None
        pairs[0] = _new()
        return pairs[0]


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


@contextlib.contextmanager
def _changing(folder: Path) -> Iterator[list[KeyPair]]:
    """The pairs, to be changed in place, while no other process changes them."""
    load_or_make(folder)
    with _locked(folder):
        pairs = load_all(folder)
        yield pairs
        _write(folder / FILE_NAME, pairs)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes, and other threads, from changing the keys."""
    try:
        with alone_in(folder):
            for left in folder.glob(f"{FILE_NAME}.*.new"):  # by a process that was killed
                left.unlink(missing_ok=True)
            yield
    except OSError as error:
        raise _unwritable(folder / FILE_NAME, error) from error


def _parsed(text: str) -> list[KeyPair] | None:
    try:
        stored = json.loads(text)
        pairs = [_from_stored(one) for one in (stored, *stored.get("others", ()))]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    sound = all(pair.access_key_id and pair.secret_access_key for pair in pairs)
    return pairs if sound else None


def _from_stored(stored: Mapping[str, Any]) -> KeyPair:
    services = stored.get("services")
    return KeyPair(
        _text(stored["access_key_id"]),
        _text(stored["secret_access_key"]),
        _text(stored.get("name", OWN_NAME)),
        None if services is None else frozenset(services),
        _text(stored.get("created", "")),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _to_stored(pair: KeyPair) -> dict[str, Any]:
    stored = {
        "access_key_id": pair.access_key_id,
        "secret_access_key": pair.secret_access_key,
        "name": pair.name,
        "created": pair.created,
    }
    return stored if pair.services is None else stored | {"services": sorted(pair.services)}


def _new() -> KeyPair:
    return KeyPair(new_key_id("AKIA"), secrets.token_urlsafe(30))


def new_key_id(prefix: str) -> str:
    """An access key id that nobody has; it starts with AKIA or, for temporary keys, ASIA."""
    letters = string.ascii_uppercase + "234567"
    return prefix + "".join(secrets.choice(letters) for _ in range(16))


def _write(path: Path, pairs: Sequence[KeyPair]) -> None:
    own, *others = pairs
    stored = _to_stored(own) | {"others": [_to_stored(pair) for pair in others]}
    try:
        write_durably(path, json.dumps(stored).encode(), mode=0o600)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> StorageFailed:
    return StorageFailed(f"The key pair cannot be written to {path}: {error}.")
