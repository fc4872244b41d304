"""Decoded pictures in one file that is mapped into memory.

Every picture is decoded once, by as many threads as there are cores. The file has no name, so that
nothing is left of it when the process ends; what is read of it is the system's cache and not the
process's memory, whatever the data set's size.
"""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from bakehouse.algorithms.image_classification.console import Console
from bakehouse.algorithms.image_classification.failures import CustomerError

MOST_BYTES = 256 * 1024**3
"""The most decoded pixels of a channel; the free disk is a bound too."""
_OF_FREE = 0.9
_TOGETHER = 32
_TOLD_EVERY_S = 10.0

Pixels = NDArray[np.uint8]
"""A picture: channels x rows x columns."""


class MappedPictures(Sequence[Pixels]):
    """Pictures in a mapped file, each as a view of it.

    Args:
        memory: of the whole file.
        places: byte offset and shape of each picture.
    """

    def __init__(self, memory: mmap.mmap, places: Sequence[tuple[int, tuple[int, ...]]]) -> None:
        self._memory, self._places = memory, places

    def __len__(self) -> int:
        """How many there are."""
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Pixels: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Pixels]: ...
    def __getitem__(self, index: int | slice) -> Pixels | Sequence[Pixels]:
        """One picture, or several."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        offset, shape = self._places[index]
        count = int(np.prod(shape))
        return np.frombuffer(self._memory, np.uint8, count, offset).reshape(shape)

    def stacked(self) -> Pixels | None:
        """All as one array without a copy, if they have one size and lie in their order."""
        first = self._places[0][1]
        size = int(np.prod(first))
        if any(place != (i * size, first) for i, place in enumerate(self._places)):
            return None
        return np.frombuffer(self._memory, np.uint8, size * len(self)).reshape(len(self), *first)


def decode_all(
    count: int,
    decode: Callable[[int], Pixels],
    scratch: Path,
    console: Console,
    channel: str,
    *,
    same_size: bool,
) -> MappedPictures:
    """Decode pictures in parallel.

    Args:
        count: how many.
        decode: makes the picture of a number from 0 on; called from several threads at once.
        scratch: the folder of the file.
        console: hears of it where it takes long.
        channel: what they are called in messages.
        same_size: each has as many bytes as the others, and they are to lie in their order.

    Raises:
        CustomerError: ``decode`` did, or the disk is too small.
    """
    with tempfile.TemporaryFile(dir=scratch) as file:
        room = _Room(scratch, channel)
        places: list[tuple[int, tuple[int, ...]]] = [(0, ())] * count
        progress = _Progress(count, channel, console)

        def decode_some(start: int) -> None:
            end = min(start + _TOGETHER, count)
            for number in range(start, end):
                pixels = decode(number)
                offset = room.take(pixels.nbytes)
                if same_size:
                    offset = number * pixels.nbytes
                os.pwrite(file.fileno(), pixels.tobytes(), offset)
                places[number] = (offset, pixels.shape)
            progress.add(end - start)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            try:
                for _ in pool.map(decode_some, range(0, count, _TOGETHER)):
                    pass
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        # A private copy on write: nobody writes, but PyTorch wants memory that could be written.
        memory = mmap.mmap(file.fileno(), room.taken, access=mmap.ACCESS_COPY)
    return MappedPictures(memory, places)


class _Room:
    """Hands out places in the file, from several threads."""

    def __init__(self, scratch: Path, channel: str) -> None:
        self.taken, self._channel = 0, channel
        self._limit = min(MOST_BYTES, int(shutil.disk_usage(scratch).free * _OF_FREE))
        self._lock = threading.Lock()

    def take(self, size_bytes: int) -> int:
        with self._lock:
            offset = self.taken
            if offset + size_bytes > self._limit:
                raise CustomerError(
                    f"The decoded pictures of the {self._channel} channel need more than the"
                    f" {self._limit} bytes that may be used of this disk; make them smaller or set"
                    " 'resize'."
                )
            self.taken += size_bytes
            return offset


class _Progress:
    """Says now and then how far the decoding is, where it takes long."""

    def __init__(self, count: int, channel: str, console: Console) -> None:
        self._count, self._channel, self._console = count, channel, console
        self._done, self._told = 0, time.monotonic()
        self._lock = threading.Lock()

    def add(self, more: int) -> None:
        with self._lock:
            self._done += more
            if time.monotonic() - self._told < _TOLD_EVERY_S:
                return
            self._told = time.monotonic()
        self._console.info(
            f"Decoded {self._done} of {self._count} images of the {self._channel} channel."
        )
