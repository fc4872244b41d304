"""A process that answers invocations until it is killed, and prints the id of each answer.

Started as ``capturing_child.py FOLDER FIRST_ID``.
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import count
from pathlib import Path

from bakehouse.hosting.types import Invocation
from bakehouse.storage.sqlite import SqliteRecords
from support.hosting_parts import CAPTURE, Place, create_endpoint


async def answer(folder: Path, first: int) -> None:
    place = Place(folder, SqliteRecords(folder / "records.db"))
    numbers = count(first)
    async with place.hosting(window_s=0.05, idle_s=0.02) as hosting:
        if not hosting.endpoints.all():
            await create_endpoint(place, hosting, capture=CAPTURE)

        async def call() -> None:
            for number in numbers:
                asked = Invocation(b"picture", "image/png", inference_id=str(number))
                await hosting.invoke("Scones", asked)
                os.write(1, f"{number}\n".encode())

        await asyncio.gather(*(call() for _ in range(8)))


if __name__ == "__main__":
    asyncio.run(answer(Path(sys.argv[1]), int(sys.argv[2])))
