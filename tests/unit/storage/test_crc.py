"""CRC-32C and CRC-64/NVME against published values, and the fast way against the plain one."""

from __future__ import annotations

import os
import time

import pytest

from bakehouse.storage.crc import CRC32C, CRC64_NVME, Crc


def crc(polynomial: int, bits: int, *pieces: bytes) -> str:
    made = Crc(polynomial, bits)
    for piece in pieces:
        made.update(piece)
    return made.digest().hex()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"123456789", "e3069283"),
        (bytes(32), "8a9136aa"),
        (b"\xff" * 32, "62a8ab43"),
        (bytes(range(32)), "46dd794e"),
        (b"", "00000000"),
    ],
)
def test_crc32c_is_that_of_rfc_3720(content: bytes, expected: str) -> None:
    """Appendix B.4 gives these, in the other byte order, and the catalogue the check value."""
    assert crc(CRC32C, 32, content) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"123456789", "ae8b14860a799888"),
        (bytes(4096), "6482d367eb22b64e"),
        (b"\xff" * 4096, "c0ddba7302eca3ac"),
    ],
)
def test_crc64_is_that_of_nvme(content: bytes, expected: str) -> None:
    """The check value, and the test cases of the NVM Command Set specification."""
    assert crc(CRC64_NVME, 64, content) == expected


@pytest.mark.parametrize("size", [2047, 2048, 2049, 10_000, 100_003])
@pytest.mark.parametrize(("polynomial", "bits"), [(CRC32C, 32), (CRC64_NVME, 64)])
def test_lanes_give_what_bytes_give(polynomial: int, bits: int, size: int) -> None:
    """However the content is cut, in pieces that go through lanes or one by one."""
    content = os.urandom(size)
    slowly = crc(polynomial, bits, *(content[n : n + 100] for n in range(0, size, 100)))
    assert crc(polynomial, bits, content) == slowly
    assert crc(polynomial, bits, content[:5000], content[5000:]) == slowly


@pytest.mark.slow
def test_large_contents_take_little_time() -> None:
    """At least 20 MB/s of processor time, however slow the machine: a loop does not reach that."""
    content = os.urandom(10**7)
    before = time.process_time()
    crc(CRC64_NVME, 64, content)
    assert time.process_time() - before < 0.5
