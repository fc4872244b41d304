"""The arrows between the parts: imports run one way, without cycles, at the top of the file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import bakehouse

ROOT = Path(bakehouse.__file__).parent
GROUND = {"faults", "clock", "bell", "settings", "keys", "sessions", "lock", "storage"}
CAPABILITIES = {
    "datasets",
    "algorithms",
    "training",
    "tuning",
    "transform",
    "hosting",
    "registry",
    "functions",
    "notifications",
    "states",
    "workflows",
}
ALLOWED: dict[str, set[str]] = {
    "faults": set(),
    "clock": set(),
    "bell": set(),
    "settings": {"faults"},
    "keys": {"faults", "storage"},
    "lock": {"faults"},
    "sessions": {"keys"},
    "storage": {"faults", "clock", "settings"},
    "wire": {"faults", "clock", "settings"},
    **dict.fromkeys(CAPABILITIES, GROUND),
    "workflows": GROUND | {"states"},
    "services": GROUND | CAPABILITIES | {"wire"},
    "server": GROUND | {"wire"},
    "runtime": GROUND | CAPABILITIES | {"wire", "services", "server"},
    "client_side": {"keys", "storage"},
    "proxy": {"faults", "storage", "client_side"},
    "cli": GROUND | CAPABILITIES | {"runtime", "client_side", "proxy"},
    "__main__": {"cli"},
    "__init__": set(),
}
MODULES = sorted(ROOT.rglob("*.py"))


def module_name(path: Path) -> str:
    """``storage/records.py`` → ``bakehouse.storage.records``."""
    parts = ("bakehouse", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


NAMES = {module_name(path) for path in MODULES}


def imported(path: Path) -> Iterator[str]:
    """The names of our own modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "bakehouse":
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in NAMES else str(node.module)
        elif isinstance(node, ast.Import):
            names = (alias.name for alias in node.names)
            yield from (name for name in names if name.split(".")[0] == "bakehouse")


def part_of(module: str) -> str:
    """``bakehouse.storage.records`` → ``storage``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_its_part_may(path: Path) -> None:
    """Each part knows the parts below it and no others."""
    part = part_of(module_name(path))
    parts = {part_of(name) for name in imported(path)} - {part, "__init__"}
    assert parts <= ALLOWED[part], f"{path} must not import {parts - ALLOWED[part]}"


def test_services_use_only_the_types_of_the_wire() -> None:
    """A door knows the shapes that pass through it, not how they are read and written."""
    for path in (ROOT / "services").rglob("*.py"):
        for name in imported(path):
            wire = name.startswith("bakehouse.wire")
            assert not wire or name.startswith("bakehouse.wire.types"), f"{path}: {name}"


def test_modules_import_each_other_without_a_cycle() -> None:
    """The modules can be put into an order in which each needs only earlier ones."""
    names = {module_name(path): path for path in MODULES}
    graph = {
        name: {other for other in imported(path) if other in names and other != name}
        for name, path in names.items()
    }
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a cycle: {' → '.join(error.args[1])}")
    assert set(order) >= set(names)


def test_every_package_says_what_it_is() -> None:
    """The docstring of a package's ``__init__`` is its entry in the map of the code."""
    for path in ROOT.rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), f"{path} has no docstring"
