"""Values of XML, by readers that are compiled from a botocore shape once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from xml.etree import ElementTree

from botocore.model import Shape

from bakehouse.wire.models import wire_name
from bakehouse.wire.text_values import Malformed, Reader, check_number, text_reader
from bakehouse.wire.types import Params

_MOST_TAGS = 400_000
"""Of the beginnings and the ends of elements: a few megabytes of these could make gigabytes."""
_DECLARATION = re.compile(r"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)


def load_xml(body: bytes) -> ElementTree.Element:
    """The root element, without namespaces. A document type is refused: entities can grow.

    The text is UTF-8 whatever it declares: in UTF-16, which zeros betray, one could hide.
    """
    check_number(body, b"<", _MOST_TAGS)
    try:
        text = body.decode()
        if "\0" in text or _DECLARATION.search(text):
            raise Malformed("The body declares a document type, which is not allowed.")
        root = ElementTree.fromstring(text)  # noqa: S314  # no DTD gets here, so nothing expands
    except (ElementTree.ParseError, ValueError) as error:
        raise Malformed(f"The body is not valid XML: {error}.") from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def xml_reader(shape: Shape) -> Reader:
    """A reader of a shape from its element."""
    match shape.type_name:
        case "structure":
            members = [(name, member) for name, member in shape.members.items()]
            readers = [
                (name, wire_name(name, member), _is_flat(member), xml_reader(member))
                for name, member in members
                if not {"location", "xmlAttribute"} & member.serialization.keys()
            ]
            attributes = {
                wire_name(name, member).rpartition(":")[2]: name
                for name, member in members
                if "xmlAttribute" in member.serialization
            }
            needed = {name for name, *_ in readers} & set(shape.required_members)
            if not attributes:
                return lambda element, path: _read_element(element, path, readers, needed)
            return lambda element, path: (
                _read_attributes(element, attributes)
                | _read_element(element, path, readers, needed)
            )
        case "list":
            item = xml_reader(shape.member)
            return lambda elements, path: [item(element, path) for element in elements]
        case _:
            read_text = text_reader(shape, "iso8601")
            return lambda element, path: read_text((element.text or "").strip("\r\n"), path)


def _is_flat(shape: Shape) -> bool | None:
    """True for a list without a wrapping element, False for one with, None for anything else."""
    return bool(shape.serialization.get("flattened")) if shape.type_name == "list" else None


def _read_element(
    element: ElementTree.Element,
    path: str,
    readers: list[tuple[str, str, bool | None, Reader]],
    needed: AbstractSet[str],
) -> Params:
    values: Params = {}
    for name, wire, flat, read in readers:
        found = element.findall(wire)
        if not found:
            continue
        if flat is None:
            values[name] = read(found[0], f"{path}.{name}")
        else:
            values[name] = read(found if flat else list(found[0]), f"{path}.{name}")
    if missing := needed - values.keys():
        raise Malformed(f"{path.lstrip('.') or 'The body'} has no {min(missing)}.")
    return values


def _read_attributes(element: ElementTree.Element, names: Mapping[str, str]) -> Params:
    found = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
    return {names[name]: value for name, value in found.items() if name in names}
