"""What a server offers."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from bakehouse.runtime import Bakehouse
from bakehouse.settings import Settings


@functools.cache
def offered() -> dict[str, list[str]]:
    """Every operation of every service that a server has."""
    with tempfile.TemporaryDirectory() as folder:
        house = Bakehouse(Settings(data=Path(folder)), "http://127.0.0.1:0")
        try:
            return {s.name: sorted(s.operations) for s in house.server.services}
        finally:
            house.close()
