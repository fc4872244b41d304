from __future__ import annotations

from pathlib import Path

import pytest

from bakehouse.algorithms.image_classification.failures import CustomerError
from bakehouse.algorithms.image_classification.labels import LabelRule
from bakehouse.algorithms.image_classification.lists import Entry, read_list


def read(tmp_path: Path, text: str) -> list[Entry]:
    """Read a list with this content for two classes."""
    path = tmp_path / "train.lst"
    path.write_text(text)
    return read_list(path, "train", LabelRule(2, multi_label=False))


def test_a_list_as_pandas_writes_it(tmp_path: Path) -> None:
    """Indexes with gaps, labels as floats, folders and Windows line ends are all read."""
    entries = read(tmp_path, "16\t0\tbike.png\r\n130\t1.0\tmotor/cycle.png\r\n\r\n")
    assert entries == [Entry((0,), "bike.png"), Entry((1,), "motor/cycle.png")]


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        ("0 1 a.png", "has 1 fields separated by tabs instead of 3"),
        ("0\t1", "has 2 fields"),
        ("x\t1\ta.png", "the index is 'x', which is no number"),
        ("0.5\t1\ta.png", "the index is '0.5'"),
        ("0\tinf\ta.png", "the label is 'inf', which is no number"),
        ("0\tbike\ta.png", "the label is 'bike'"),
        ("0\t2\ta.png", "the label is 2; with num_classes 2 it must be from 0 to 1"),
        ("0\t-1\ta.png", "the label is -1"),
        ("0\t1\t0\ta.png", "multi_label"),
        ("0\t1\t../a.png", "does not stay inside"),
        ("0\t1\t/etc/passwd", "does not stay inside"),
        ("0\t1\ta/../../b.png", "does not stay inside"),
        ("0\t1_0\ta.png", "the label is '1_0', which is no number"),
        ("\uff11\t1\ta.png", "the index is '\uff11'"),
        ("0\t1e999\ta.png", "the label is '1e999'"),
        ("0\t1\ta\0b.png", "does not stay inside"),
        ("0\t1\t" + "a" * 256, "is too long: 1024 bytes at most, 255 in each name"),
        ("0\t1\t" + "\u00e4" * 128, "is too long"),
        ("0\t1\t" + "a/" * 512 + "b", "is too long"),
        ("0\t1\t", "does not stay inside"),
        ("7\t1\ta.png\n7\t0\tb.png", "line 2: the index 7 is there already"),
    ],
)
def test_a_bad_line_is_named_after_awss_sentence(tmp_path: Path, line: str, detail: str) -> None:
    """The error begins with AWS's text and goes on with the file, the line and what is wrong."""
    with pytest.raises(CustomerError) as caught:
        read(tmp_path, line + "\n")
    assert str(caught.value).startswith("Invalid lst file in the train channel. train.lst, line ")
    assert detail in str(caught.value)


def test_an_empty_list_and_no_text_are_refused(tmp_path: Path) -> None:
    """A list must hold lines, and they must be text."""
    with pytest.raises(CustomerError, match="holds no line"):
        read(tmp_path, "\n\n")
    path = tmp_path / "train.lst"
    path.write_bytes(b"0\t1\t\xff\xfe.png\n")
    with pytest.raises(CustomerError, match="not text in UTF-8"):
        read_list(path, "train", LabelRule(2, multi_label=False))
