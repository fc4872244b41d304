"""The reference page against the door."""

from __future__ import annotations

import re
from pathlib import Path

from bakehouse.services import s3
from bakehouse.storage.blobs import MemoryBlobs
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.objects import ObjectStore

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "s3.md"


def test_the_page_lists_the_operations_that_there_are() -> None:
    """No operation is missing from its table, and none is promised that is not offered."""
    table = PAGE.read_text().split("## Operations")[1].split("##")[0]
    rows = re.findall(r"^\| ([A-Z].*?) \|", table, re.MULTILINE)
    listed = {name for row in rows for name in row.split(", ")}
    offered = s3.service(ObjectStore(MemoryRecords(), MemoryBlobs())).operations
    assert listed == offered.keys()
