"""The restricted unpickler: plain values pass, everything else is refused before it runs."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from bakehouse.datasets.pickles import read_pickle
from bakehouse.faults import InvalidInput
from support.cifar_archives import python2_pickle


class _Touch:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


def test_plain_values_and_byte_arrays_come_back() -> None:
    """Lists, numbers, byte strings and uint8 arrays of any shape are read."""
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    read = read_pickle(python2_pickle({b"a": array, b"b": [1, b"two"]}), "meta")
    assert np.array_equal(read[b"a"], array)
    assert read[b"b"] == [1, b"two"]


def test_code_in_a_pickle_does_not_run(tmp_path: Path) -> None:
    """A pickle that would open a file is refused by name, and the file is not there."""
    target = tmp_path / "touched"
    with pytest.raises(InvalidInput, match=r"names (_io|io)\.open"):
        read_pickle(pickle.dumps({"data": _Touch(target)}, protocol=2), "train")
    assert not target.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"cnumpy\nload\n.",
        b"cnumpy.core.multiarray\narray\n.",
        b"cbuiltins\neval\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
        b"c_codecs\nencode\n.",
    ],
)
def test_foreign_names_are_refused(content: bytes) -> None:
    """Only three names of numpy are admitted, whatever the protocol."""
    with pytest.raises(InvalidInput, match="which no CIFAR pickle does"):
        read_pickle(content, "train")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        b"\x80\x02]",
        b"\x80\x02T\xff\xff\xff\x7fshort",
        b"cnumpy\nndarray\n)R(K\x01b.",
        b"cnumpy\nndarray\n)R}b.",
        b"cnumpy\ndtype\n(T\x02\x00\x00\x00O8tR.",
    ],
)
def test_damaged_pickles_are_refused(content: bytes) -> None:
    """What cannot be read is a sentence, not a stack of library errors."""
    with pytest.raises(InvalidInput, match="train is not a readable pickle"):
        read_pickle(content, "train")


def test_a_shape_that_does_not_fit_the_content_is_refused() -> None:
    """An array cannot claim more bytes than it brings."""
    content = python2_pickle(np.zeros((2, 2), np.uint8)).replace(b"K\x02K\x02", b"K\x02K\x03")
    with pytest.raises(InvalidInput, match="with 4 bytes"):
        read_pickle(content, "train")
