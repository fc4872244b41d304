"""Pictures as files: whole, equal for equal input, and telling outcomes in more than colour."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bakehouse.faults import InvalidInput, StorageFailed
from bakehouse.states.drawing import NOT_VISITED, OUTCOMES, SHAPES, TYPES
from bakehouse.states.outline import KINDS
from bakehouse.states.picture import draw
from support.histories import History

GATE: dict[str, Any] = {
    "StartAt": "Classify",
    "States": {
        "Classify": {"Type": "Task", "Resource": "r", "Next": "Sure?"},
        "Sure?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.p", "NumericGreaterThan": 0.9, "Next": "Yes"}],
            "Default": "Wait",
        },
        "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Classify"},
        "Yes": {"Type": "Succeed"},
    },
}


def passed() -> list[dict[str, Any]]:
    history = History()
    history.task("Classify", 20)
    history.enter("Choice", "Sure?")
    history.leave("Choice", "Sure?")
    history.enter("Succeed", "Yes")
    history.leave("Succeed", "Yes")
    history.add("ExecutionSucceeded")
    return history.events


def svg(path: Path, **options: Any) -> str:
    draw(GATE, **options).save(path)
    return path.read_text()


def test_equal_input_gives_equal_files(tmp_path: Path) -> None:
    """No date, no random id: the same picture is the same bytes."""
    for ending in ("svg", "png"):
        one, other = tmp_path / f"1.{ending}", tmp_path / f"2.{ending}"
        draw(GATE, events=passed(), title="T").save(one)
        draw(GATE, events=passed(), title="T").save(other)
        assert one.read_bytes() == other.read_bytes()


def test_an_svg_is_xml_and_holds_every_text(tmp_path: Path) -> None:
    """Names, labels and notes are in the file, as outlines with the text in a comment."""
    text = svg(tmp_path / "g.svg", title="The gate")
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("svg")
    for shown in ("Classify", "Sure?", "$.p &gt; 0.9", "default", "1 s", "The gate", "Start"):
        assert f"<!-- {shown} -->" in text


def test_a_png_fits_its_picture(tmp_path: Path) -> None:
    """The image is white around what is drawn, and not empty."""
    draw(GATE).save(tmp_path / "g.png")
    with Image.open(tmp_path / "g.png") as image:
        pixels = np.asarray(image.convert("L"))
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert border.min() == 255
    assert pixels.min() < 60


def test_the_way_is_coloured_and_marked(tmp_path: Path) -> None:
    """Succeeded states have their colour, a tick and a time; others are grey; a legend tells."""
    text = svg(tmp_path / "g.svg", events=passed())
    assert "<!-- ✓ 20 ms -->" in text
    assert "<!-- not visited -->" in text
    assert OUTCOMES["succeeded"].fill in text
    assert NOT_VISITED.fill in text
    assert OUTCOMES["failed"].fill not in text


def test_without_an_execution_there_is_no_legend(tmp_path: Path) -> None:
    """Types have their colours then."""
    text = svg(tmp_path / "g.svg")
    assert "not visited" not in text
    assert TYPES["Choice"].line in text


def test_a_failure_names_its_error(tmp_path: Path) -> None:
    """A failed state has its colour, its mark and the error."""
    history = History()
    history.failed_task("Classify", 7, "ModelError")
    history.add("ExecutionFailed", 0)
    text = svg(tmp_path / "g.svg", events=history.events)
    assert "<!-- ✗ 7 ms · ModelError -->" in text
    assert OUTCOMES["failed"].fill in text


def test_every_type_has_a_shape_and_a_look() -> None:
    """No state of the language is left undrawn."""
    assert set(SHAPES) == set(TYPES) == set(KINDS)


def test_outcomes_differ_in_their_marks() -> None:
    """Each outcome can be told without colour."""
    assert len({look.mark for look in OUTCOMES.values()}) == len(OUTCOMES)


@pytest.mark.parametrize("name", ["N" * 80, "分類する", "a\x01\x1b<!-- -->&", "$x^2$ \\frac", " "])
def test_any_name_can_be_drawn(tmp_path: Path, name: str) -> None:
    """Long, foreign and hostile names neither fail nor break the file."""
    definition = {"StartAt": name, "States": {name: {"Type": "Pass", "End": True}}}
    draw(definition, title=name).save(tmp_path / "g.svg")
    ElementTree.fromstring((tmp_path / "g.svg").read_text())


def test_another_ending_is_refused(tmp_path: Path) -> None:
    """Only SVG and PNG are written."""
    with pytest.raises(InvalidInput, match=r"\.svg or \.png"):
        draw(GATE).save(tmp_path / "g.pdf")


def test_a_folder_that_is_not_there_is_a_storage_fault(tmp_path: Path) -> None:
    """It is not made, as `package` makes none; the disk's own refusal is a sentence too."""
    with pytest.raises(StorageFailed, match=r"no folder .*none for g\.svg; make it first"):
        draw(GATE).save(tmp_path / "none" / "g.svg")
    (tmp_path / "taken.svg").mkdir()
    with pytest.raises(StorageFailed, match=r"taken\.svg cannot be written: Is a directory\."):
        draw(GATE).save(tmp_path / "taken.svg")
