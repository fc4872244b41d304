"""The file of authorities that programs behind the proxy trust: those of the system, and ours."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

import botocore

from bakehouse.client_side.environment import BUNDLE_VARIABLES
from bakehouse.faults import StorageFailed
from bakehouse.storage.files import write_durably

_USUAL = Path("/etc/ssl/certs/ca-certificates.crt")


def write(path: Path, authority_pem: str, surroundings: Mapping[str, str]) -> None:
    """Write the bundle.

    Args:
        path: where it goes.
        authority_pem: the local authority's certificate.
        surroundings: the variables that may name bundles of the user's own.

    Raises:
        StorageFailed: the disk refuses.
    """
    parts = dict.fromkeys([*_trusted_before(path, surroundings), authority_pem])
    content = "".join(part.rstrip("\n") + "\n" for part in parts).encode()
    try:
        if not path.exists() or path.read_bytes() != content:
            write_durably(path, content, mode=0o600)
    except OSError as error:
        raise StorageFailed(f"The certificates cannot be written to {path}: {error}.") from error


def _trusted_before(own: Path, surroundings: Mapping[str, str]) -> Iterator[str]:
    """The contents of the bundles in use: the user's, and the system's or else botocore's copy."""
    named = [Path(surroundings[name]) for name in BUNDLE_VARIABLES if surroundings.get(name)]
    system = Path(ssl.get_default_verify_paths().cafile or _USUAL)
    if not system.exists():
        system = Path(botocore.__file__).parent / "cacert.pem"
    for file in dict.fromkeys([*named, system]):
        if file != own and (text := _text(file)):
            yield text


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""
