"""The checksum of a whole from those of its parts."""

from __future__ import annotations

import os
import random

import pytest

from bakehouse.storage.digests import ALGORITHMS, Digests, checksum_of_parts


def checksum(algorithm: str, content: bytes) -> str:
    digests = Digests([algorithm])
    digests.update(content)
    return digests.checksums[algorithm]


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME"])
def test_a_crc_is_joined_from_parts_of_any_length(algorithm: str) -> None:
    """It is that of all the bytes, which nobody has to read."""
    chosen = random.Random(3)
    for count in (1, 2, 7):
        parts = [os.urandom(chosen.choice([0, 1, 255, 4096, 10_007])) for _ in range(count)]
        told = [(checksum(algorithm, part), len(part)) for part in parts]
        assert checksum_of_parts(algorithm, told) == checksum(algorithm, b"".join(parts))


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS.keys() - {"CRC32", "CRC32C", "CRC64NVME"}))
def test_any_other_needs_the_bytes(algorithm: str) -> None:
    """Only CRCs are linear."""
    assert checksum_of_parts(algorithm, [(checksum(algorithm, b"a"), 1)]) is None
