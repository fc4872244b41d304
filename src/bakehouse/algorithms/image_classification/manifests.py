"""Augmented manifests: JSON lines that name a picture and hold its labels.

Source: the developer guide's "Augmented Manifest Files for Training Jobs" and "Train with Augmented
Manifest Image Format". The training part has laid the pictures beside the manifest: ``objects/0``
for the first line, and so on; blank lines do not count.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bakehouse.algorithms.image_classification.failures import CustomerError
from bakehouse.algorithms.image_classification.labels import LabelRule
from bakehouse.algorithms.image_classification.lists import Entry
from bakehouse.faults import shorten

LabelFormat = Literal["class-id", "multi-hot"]
OBJECTS = "objects"
SUFFIX = ".manifest"
MANIFEST_BYTES = 1 << 30
EMPTY = (
    "Got empty batch from pipe. Please check if the manifest file contains valid batches and the"
    " value of training job parameter AttributeNames matches attributes names in the augmented"
    " manifest."
)
"""AWS's sentence."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest says of its pictures."""

    entries: list[Entry]
    """In the order of the lines; the path is that of the picture below the channel's folder."""
    class_names: dict[int, str]
    """As far as Ground Truth's metadata beside the labels tell them."""


def label_format(content_type: str) -> LabelFormat:
    """What a content type such as ``application/x-recordio; label-format=class-id`` says.

    Raises:
        CustomerError: it says something else.
    """
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        if name.strip().lower() == "label-format":
            match value.strip().strip('"').lower():
                case "class-id":
                    return "class-id"
                case "multi-hot":
                    return "multi-hot"
            raise CustomerError(
                f"The label-format {shorten(repr(value))} of the content type is not one of"
                " class-id, multi-hot."
            )
    return "multi-hot"


def read_manifest(
    folder: Path, channel: str, attributes: Sequence[str], form: LabelFormat, rule: LabelRule
) -> Manifest:
    """Read the one manifest of a channel.

    Args:
        folder: of the channel.
        channel: its name, for messages.
        attributes: of the picture and of the label, in this order.
        form: what the labels of a multi-label job are.
        rule: what labels may be.

    Raises:
        CustomerError: names the line and what is wrong with it.
    """
    path = _find(folder, channel)
    if len(attributes) != 2:
        raise CustomerError(
            f"The {channel} channel has the AttributeNames {list(attributes)}; expected are two,"
            " that of the image and that of the label, in this order."
        )
    entries: list[Entry] = []
    names: dict[int, str] = {}
    for number, line in enumerate(_lines(path, channel)):
        try:
            document = _object(line)
            labels = _labels(document, attributes[1], form, rule)
            names |= _class_name(document, attributes[1], labels, rule)
        except ValueError as error:
            raise CustomerError(
                f"The manifest {path.name} of the {channel} channel, line {number + 1}: {error}."
            ) from error
        entries.append(Entry(labels, f"{OBJECTS}/{number}"))
    if not entries:
        raise CustomerError(EMPTY)
    return Manifest(entries, names)


def _find(folder: Path, channel: str) -> Path:
    found = sorted(folder.glob(f"*{SUFFIX}"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise CustomerError(
            f"The channel {channel} must hold exactly one file whose name ends with {SUFFIX};"
            f" found: {names}."
        )
    return found[0]


def _lines(path: Path, channel: str) -> list[str]:
    if path.stat().st_size > MANIFEST_BYTES:
        raise CustomerError(
            f"The manifest of the {channel} channel is larger than {MANIFEST_BYTES} bytes."
        )
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CustomerError(f"The manifest {path.name} is not text in UTF-8.") from error
    return [line for line in text.split("\n") if line.strip()]


def _object(line: str) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{shorten(repr(line))} is not JSON") from error
    if isinstance(document, dict):
        return document
    raise ValueError(f"{shorten(repr(line))} is not a JSON object")


def _labels(
    document: dict[str, Any], attribute: str, form: LabelFormat, rule: LabelRule
) -> tuple[int, ...]:
    if attribute not in document:
        raise ValueError(f"there is no attribute {attribute!r}")
    value = document[attribute]
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"{attribute} is {shorten(repr(value))}, which is no number"
            ) from error
    numbers = value if isinstance(value, list) else [value]
    if not all(type(number) in (int, float) for number in numbers):
        raise ValueError(f"{attribute} is {shorten(repr(value))}; expected numbers")
    if rule.multi_label and (form == "class-id" or not isinstance(value, list)):
        return rule.of_classes(numbers)
    return rule.check(numbers)


def _class_name(
    document: dict[str, Any], attribute: str, labels: tuple[int, ...], rule: LabelRule
) -> dict[int, str]:
    about = document.get(f"{attribute}-metadata")
    name = about.get("class-name") if isinstance(about, dict) else None
    if rule.multi_label or not isinstance(name, str):
        return {}
    return {labels[0]: name}
