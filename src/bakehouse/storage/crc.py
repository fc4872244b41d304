"""CRC-32C and CRC-64/NVME, the two checksums of S3's clients that the standard library lacks.

Both are reflected, begin with all bits set and end inverted. A CRC is linear, so a long piece is
cut into lanes that numpy carries forward side by side, byte by byte, and that are then joined by
what one lane's length of zeros does to a register: 80 MB/s, where a loop in Python makes 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CRC32C = 0x82F63B78
"""Castagnoli's polynomial, reflected (RFC 3720, appendix B.4)."""

CRC64_NVME = 0x9A6C9329AC4BC9B5
"""The polynomial of the NVM Express specification, 5.2.1.3.4, reflected."""

_LANE_BYTES = 256
_FEWEST_LANES = 8


class Crc:
    """A CRC in the shape of hashlib's algorithms.

    Args:
        polynomial: reflected, without its highest bit.
        bits: 32 or 64.
    """

    def __init__(self, polynomial: int, bits: int) -> None:
        self._polynomial, self._bits = polynomial, bits
        self._ones = (1 << bits) - 1
        self._register = self._ones

    def update(self, data: bytes, /) -> None:
        """Add bytes at the end."""
        lanes = len(data) // _LANE_BYTES
        done = 0
        if lanes >= _FEWEST_LANES:
            done = lanes * _LANE_BYTES
            self._register = _over_lanes(self._polynomial, self._register, data[:done])
        self._register = _over_bytes(_table(self._polynomial), self._register, data[done:])

    def digest(self) -> bytes:
        """The checksum of everything so far, highest byte first."""
        return (self._register ^ self._ones).to_bytes(self._bits // 8, "big")


@dataclass(frozen=True, slots=True)
class _Lanes:
    """What carries lanes forward: by one byte, and over a whole lane of zeros."""

    by_byte: NDArray[np.uint64]
    over_zeros: list[list[int]]
    """For each byte of a register, lowest first: its value → what becomes of it."""


@cache
def _table(polynomial: int) -> list[int]:
    """For each lowest byte of a register, what eight steps of the division leave of it."""
    table = []
    for register in range(256):
        for _ in range(8):
            register = (register >> 1) ^ (polynomial if register & 1 else 0)
        table.append(register)
    return table


@cache
def _lanes(polynomial: int) -> _Lanes:
    import numpy as np  # noqa: PLC0415  # 100 ms that only clients with these checksums need

    table = np.array(_table(polynomial), np.uint64)
    bytes_of_registers = np.arange(256, dtype=np.uint64)
    carried = np.stack([bytes_of_registers << np.uint64(8 * place) for place in range(8)])
    for _ in range(_LANE_BYTES):
        carried = table[carried & 0xFF] ^ (carried >> np.uint64(8))
    return _Lanes(table, carried.tolist())


def _over_bytes(table: list[int], register: int, data: bytes) -> int:
    for byte in data:
        register = table[(register ^ byte) & 0xFF] ^ (register >> 8)
    return register


def _over_lanes(polynomial: int, register: int, data: bytes) -> int:
    import numpy as np  # noqa: PLC0415  # as above

    lanes = _lanes(polynomial)
    columns = np.ascontiguousarray(np.frombuffer(data, np.uint8).reshape(-1, _LANE_BYTES).T)
    registers = np.zeros(columns.shape[1], np.uint64)
    for column in columns:
        registers = lanes.by_byte[(registers ^ column) & 0xFF] ^ (registers >> np.uint64(8))
    for of_lane in registers.tolist():
        register = _over_zeros(lanes.over_zeros, register) ^ of_lane
    return register


def _over_zeros(places: list[list[int]], register: int) -> int:
    carried = 0
    for place in places:
        carried ^= place[register & 0xFF]
        register >>= 8
    return carried
