"""Checksums, against the check values that their specifications publish."""

from __future__ import annotations

import pytest

from bakehouse.faults import InvalidInput
from bakehouse.storage.digests import Digests


def test_checksums_are_those_of_the_specifications() -> None:
    """Those of "123456789": cbf43926 is CRC-32's check value, the others are MD5 and FIPS 180-4."""
    digests = Digests(["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
    for piece in (b"1234", b"", b"56789"):
        digests.update(piece)
    assert digests.etag == "25f9e794323b453885f5181f1b624d0b"
    assert digests.checksums == {
        "CRC32": "y/Q5Jg==",
        "CRC32C": "4waSgw==",
        "CRC64NVME": "rosUhgp5mIg=",
        "SHA1": "98O8HYCOBHMq32eZZczDTKeuNEE=",
        "SHA256": "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
    }


def test_an_unknown_algorithm_is_refused() -> None:
    """The fault names it and those that there are."""
    with pytest.raises(InvalidInput, match=r"XXHASH3.*CRC32"):
        Digests(["XXHASH3"])
