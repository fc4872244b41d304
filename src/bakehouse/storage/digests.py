"""The checksums of bytes that come piece by piece, as S3 names and writes them."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from bakehouse.faults import InvalidInput
from bakehouse.storage.crc import CRC32, CRC32C, CRC64_NVME, Crc, joined


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class _Crc32:
    """``zlib.crc32`` in the shape of hashlib's algorithms."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


ALGORITHMS: dict[str, Callable[[], _Hash]] = {
    "CRC32": _Crc32,
    "CRC32C": lambda: Crc(CRC32C, 32),
    "CRC64NVME": lambda: Crc(CRC64_NVME, 64),
    "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
    "MD5": lambda: hashlib.md5(usedforsecurity=False),
}
"""S3's name of each checksum that is kept here → what makes one."""

_CRCS = {"CRC32": (CRC32, 32), "CRC32C": (CRC32C, 32), "CRC64NVME": (CRC64_NVME, 64)}


def checksum_of_parts(algorithm: str, parts: Sequence[tuple[str, int]]) -> str | None:
    """The checksum of a whole, from each part's own (in base64) and its size.

    None if the bytes themselves are needed, as for every algorithm but the CRCs.
    """
    if algorithm not in _CRCS or not parts:
        return None
    polynomial, bits = _CRCS[algorithm]
    whole = 0
    for number, (checksum, size_bytes) in enumerate(parts):
        part = int.from_bytes(base64.b64decode(checksum), "big")
        whole = joined(polynomial, bits, whole, part, size_bytes) if number else part
    return base64.b64encode(whole.to_bytes(bits // 8, "big")).decode()


class Digests:
    """MD5, and the chosen others, of everything given to ``update``.

    Args:
        algorithms: names out of ``ALGORITHMS``.

    Raises:
        InvalidInput: an algorithm is not one of them.
    """

    def __init__(self, algorithms: Iterable[str] = ()) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._chosen: dict[str, _Hash] = {}
        for name in algorithms:
            if name not in ALGORITHMS:
                raise InvalidInput("checksum algorithm", name, f"one of {', '.join(ALGORITHMS)}")
            self._chosen[name] = ALGORITHMS[name]()

    def update(self, data: bytes) -> None:
        """Add bytes at the end. Lets go of the interpreter lock for pieces above some KiB."""
        self._md5.update(data)
        for digest in self._chosen.values():
            digest.update(data)

    @property
    def md5(self) -> bytes:
        """The 16 bytes of the MD5, as ``Content-MD5`` has them in base64."""
        return self._md5.digest()

    @property
    def etag(self) -> str:
        """The ETag of an object with these bytes: the MD5 in hex, without quotes."""
        return self._md5.hexdigest()

    @property
    def checksums(self) -> dict[str, str]:
        """Algorithm → base64, as in ``x-amz-checksum-<algorithm>``."""
        return {
            name: base64.b64encode(digest.digest()).decode()
            for name, digest in self._chosen.items()
        }
