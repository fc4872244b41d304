"""The reference pages against the door."""

from __future__ import annotations

import re
from pathlib import Path

from bakehouse.services import s3
from bakehouse.storage.blobs import MemoryBlobs
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.objects import ObjectStore

FOLDER = Path(__file__).parents[3] / "docs" / "reference"
PAGES = ("s3.md", "s3-buckets.md")
"""Objects, and what is set of buckets and objects."""


def test_the_pages_list_the_operations_that_there_are() -> None:
    """No operation is missing from their tables, and none is promised that is not offered."""
    texts = [(FOLDER / page).read_text() for page in PAGES]
    tables = [text.split("## Operations")[1].split("##")[0] for text in texts]
    rows = re.findall(r"^\| ([A-Z].*?) \|", "\n".join(tables), re.MULTILINE)
    listed = {name for row in rows for name in row.split(", ")}
    offered = s3.service(ObjectStore(MemoryRecords(), MemoryBlobs())).operations
    assert listed == offered.keys()
