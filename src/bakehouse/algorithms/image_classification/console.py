"""The log of a training container: one line at a time, in AWS's form, on standard output."""

from __future__ import annotations

import sys
import threading
from typing import TextIO

from bakehouse import clock


class Console:
    """Writes log lines such as ``[11/23/2026 03:27:09 INFO 139876543210] Epoch[0] …``.

    Each is written and flushed at once, so that whoever reads the pipe sees it when it happened. A
    tab is written as ``#011``, as it comes out of CloudWatch Logs.
    """

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream

    def info(self, message: str) -> None:
        """Write a line of level INFO."""
        self._write("INFO", message)

    def warning(self, message: str) -> None:
        """Write a line of level WARNING."""
        self._write("WARNING", message)

    def error(self, message: str) -> None:
        """Write a line of level ERROR."""
        self._write("ERROR", message)

    def plain(self, message: str) -> None:
        """Write a line without a prefix, as the container's entry point does."""
        self._stream.write(_one_line(message))
        self._stream.flush()

    def _write(self, level: str, message: str) -> None:
        stamp = clock.now().strftime("%m/%d/%Y %H:%M:%S")
        self.plain(f"[{stamp} {level} {threading.get_ident()}] {message}")


def _one_line(message: str) -> str:
    return message.replace("\t", "#011").replace("\r", " ").replace("\n", " ") + "\n"
