"""The reference: generated pages are up to date, and every document's links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted((ROOT / "docs").rglob("*.md"))


def generator() -> ModuleType:
    """``docs/make_reference.py`` as a module."""
    path = ROOT / "docs" / "make_reference.py"
    spec = importlib.util.spec_from_file_location("make_reference", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["settings.md", "commands.md", "operations.md", "faults.md"])
def test_generated_pages_are_up_to_date(name: str) -> None:
    """Every setting, command, operation and fault of the code is documented as it is."""
    written = (ROOT / "docs" / "reference" / name).read_text()
    assert written == generator().pages()[name], "run ./dev run python docs/make_reference.py"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_documents_lead_somewhere(document: Path) -> None:
    """Every relative link is a file."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", document.read_text()):
        assert (document.parent / target).exists(), target
