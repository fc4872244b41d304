"""CRC-32C and CRC-64/NVME, the two checksums of S3's clients that the standard library lacks.

Both are reflected, begin with all bits set and end inverted. A CRC is linear, so a long piece is
cut into lanes that numpy carries forward side by side, two bytes at a time, and that are then
joined in pairs by what one lane's length of zeros does to a register: some 400 MB/s, where a loop
in Python makes 4.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Registers = NDArray[Any]
    """Registers of one width, or a table of them: uint32 or uint64."""

CRC32 = 0xEDB88320
"""The polynomial of zlib and Ethernet, reflected."""

CRC32C = 0x82F63B78
"""Castagnoli's polynomial, reflected (RFC 3720, appendix B.4)."""

CRC64_NVME = 0x9A6C9329AC4BC9B5
"""The polynomial of the NVM Express specification, 5.2.1.3.4, reflected."""

_LANE_BYTES = 64
_FEWEST_LANES = 16
_LONG_BYTES, _LONG_DOUBLINGS = 64 * 1024, 2  # fewer, longer steps once there is enough to carry


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
        doublings = _LONG_DOUBLINGS if len(data) >= _LONG_BYTES else 0
        lane_bytes = _LANE_BYTES << doublings
        done = len(data) - len(data) % lane_bytes
        if done < _FEWEST_LANES * lane_bytes:
            done = 0
        else:
            of_lanes = _over_lanes(self._polynomial, self._bits, data[:done], doublings)
            zeros = _power(self._polynomial, self._bits, done)
            before = _times(self._polynomial, self._bits, zeros, self._register)
            self._register = before ^ of_lanes
        self._register = _over_bytes(_table(self._polynomial), self._register, data[done:])

    def digest(self) -> bytes:
        """The checksum of everything so far, highest byte first."""
        return (self._register ^ self._ones).to_bytes(self._bits // 8, "big")


# Registers as polynomials


def joined(polynomial: int, bits: int, first: int, second: int, second_bytes: int) -> int:
    """The CRC of two pieces one after the other, from theirs and the length of the second."""
    return _times(polynomial, bits, _power(polynomial, bits, second_bytes), first) ^ second


@lru_cache(maxsize=256)
def _power(polynomial: int, bits: int, size_bytes: int) -> int:
    """What so many bytes of zeros multiply a register with: x to the power of their bits."""
    result, square = 1 << (bits - 1), 1 << (bits - 1 - 8)  # x to the 0 and to the 8, reflected
    while size_bytes:
        if size_bytes & 1:
            result = _times(polynomial, bits, result, square)
        square = _times(polynomial, bits, square, square)
        size_bytes >>= 1
    return result


def _times(polynomial: int, bits: int, one: int, other: int) -> int:
    """The product of two polynomials, modulo the CRC's own."""
    product = 0
    for place in range(bits - 1, -1, -1):
        if one >> place & 1:
            product ^= other
        other = (other >> 1) ^ (polynomial if other & 1 else 0)
    return product


# Byte by byte


@cache
def _table(polynomial: int) -> list[int]:
    """For each lowest byte of a register, what eight steps of the division leave of it."""
    table = []
    for register in range(256):
        for _ in range(8):
            register = (register >> 1) ^ (polynomial if register & 1 else 0)
        table.append(register)
    return table


def _over_bytes(table: list[int], register: int, data: bytes) -> int:
    for byte in data:
        register = table[(register ^ byte) & 0xFF] ^ (register >> 8)
    return register


# In lanes


def _over_lanes(polynomial: int, bits: int, data: bytes, doublings: int) -> int:
    """The register that whole lanes make of an empty one; each has ``64 << doublings`` bytes."""
    import numpy as np  # noqa: PLC0415  # 100 ms that only clients with these checksums need

    table = _two_byte_table(polynomial, bits)
    pairs = np.frombuffer(data, "<u2").reshape(-1, (_LANE_BYTES << doublings) // 2)
    registers = np.zeros(len(pairs), table.dtype)
    lowest, following = np.empty(len(pairs), np.uint16), np.empty_like(registers)
    for column in np.ascontiguousarray(pairs.T):
        np.bitwise_xor(registers.astype(np.uint16), column, out=lowest)
        np.take(table, lowest, out=following, mode="clip")
        np.right_shift(registers, 16, out=registers)
        np.bitwise_xor(registers, following, out=registers)
    while len(registers) > 1:
        if len(registers) % 2:  # an empty lane at the front changes nothing
            registers = np.concatenate([np.zeros(1, registers.dtype), registers])
        zeros = _over_zeros(polynomial, bits, doublings)
        registers = _carried(zeros, registers[::2]) ^ registers[1::2]
        doublings += 1
    return int(registers[0])


@cache
def _two_byte_table(polynomial: int, bits: int) -> Registers:
    """For each lowest two bytes of a register, what is left of them after two bytes."""
    import numpy as np  # noqa: PLC0415  # as above

    of_byte = np.array(_table(polynomial), np.uint32 if bits == 32 else np.uint64)
    registers = np.arange(65536, dtype=of_byte.dtype)
    for _ in range(2):
        registers = of_byte[registers & 0xFF] ^ (registers >> 8)
    return registers


@cache
def _over_zeros(polynomial: int, bits: int, doublings: int) -> Registers:
    """What ``64 << doublings`` bytes of zeros make of each value of each byte of a register."""
    import numpy as np  # noqa: PLC0415  # as above

    if doublings:
        half = _over_zeros(polynomial, bits, doublings - 1)
        return _carried(half, half)
    table = _two_byte_table(polynomial, bits)
    values = np.arange(256, dtype=table.dtype)
    registers = np.stack([values << (8 * place) for place in range(bits // 8)])
    for _ in range(_LANE_BYTES // 2):
        registers = table[registers & 0xFFFF] ^ (registers >> 16)
    return registers


def _carried(zeros: Registers, registers: Registers) -> Registers:
    """Registers after so many zeros as the table was made for."""
    result: Registers = zeros[0][registers & 0xFF]
    for place in range(1, len(zeros)):
        result = result ^ zeros[place][(registers >> (8 * place)) & 0xFF]
    return result
