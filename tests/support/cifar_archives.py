"""Small archives in the form of the official one, and ways to spoil them."""

from __future__ import annotations

import io
import pickle
import pickletools
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = "cifar-100-python"
NAMES = [b"apple", b"bicycle", b"motorcycle"]


def python2_pickle(value: object) -> bytes:
    """Pickle as Python 2 and an old numpy did: bytes as strings, and no codec named."""
    # Protocol 3 writes bytes and text with codes of their own, Python 2 had one for both.
    modern = pickle.dumps(value, protocol=3)
    pieces = [b"\x80\x02"]
    operations = list(pickletools.genops(modern))[1:]
    ends = [*(position for _, _, position in operations[1:]), len(modern)]
    for (operation, argument, start), end in zip(operations, ends, strict=True):
        if operation.name in ("SHORT_BINBYTES", "BINBYTES", "BINUNICODE"):
            content = argument.encode() if isinstance(argument, str) else bytes(argument or b"")
            pieces.append(b"T" + len(content).to_bytes(4, "little") + content)
        else:
            pieces.append(modern[start:end])
    return b"".join(pieces).replace(b"cnumpy._core.", b"cnumpy.core.")


def pixels(rows: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Rows that differ everywhere."""
    return np.random.default_rng(rows).integers(0, 256, (rows, 3072)).astype(np.uint8)


def batch(rows: int = 6, **changes: object) -> dict[bytes, object]:
    """A batch whose labels go 0, 1, 2, 0, … ; ``changes`` replace values by key."""
    whole: dict[bytes, object] = {
        b"data": pixels(rows),
        b"fine_labels": [row % 3 for row in range(rows)],
        b"coarse_labels": [0] * rows,
        b"filenames": [b"thing_s_%06d.png" % (row // 4) for row in range(rows)],
    }
    return whole | {key.encode(): value for key, value in changes.items()}


def members(**changes: bytes) -> dict[str, bytes]:
    """The members' content by path; ``changes`` replace that of train, test or meta."""
    content = {
        "train": python2_pickle(batch(9)),
        "test": python2_pickle(batch(6)),
        "meta": python2_pickle({b"fine_label_names": NAMES}),
    } | changes
    return {f"{FOLDER}/{name}": content[name] for name in content}


def write_archive(
    path: Path, content: dict[str, bytes] | None = None, *extra: tarfile.TarInfo
) -> Path:
    """Write a gzipped tar of the members, after those in ``extra`` that have no content."""
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for member in extra:
            archive.addfile(member)
        for name, body in (members() if content is None else content).items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return path
