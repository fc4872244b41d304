"""The Python that handlers get: a virtual environment of links to what AWS's runtime has.

AWS gives a handler boto3 and its dependencies, nothing else. A handler that imports more than its
archive brings must fail here as it would there, so it does not get the server's own environment.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import re
import sys
from collections import deque
from pathlib import Path

_GIVEN = ("awslambdaric", "boto3")
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def build_interpreter(folder: Path) -> Path:
    """Make the environment in a folder that is not there yet; takes some 20 ms.

    Returns:
        The interpreter's path inside the folder, relative to it.
    """
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    base = Path(getattr(sys, "_base_executable", sys.executable))
    packages = folder / "lib" / version / "site-packages"
    packages.mkdir(parents=True)
    (folder / "bin").mkdir()
    for name in (version, "python3", "python"):
        (folder / "bin" / name).symlink_to(base)
    (folder / "pyvenv.cfg").write_text(
        f"home = {base.parent}\ninclude-system-site-packages = false\n", encoding="utf-8"
    )
    for name, source in sorted(_entries().items()):
        (packages / name).symlink_to(source)
    return Path("bin") / version


def interpreter_roots() -> list[Path]:
    """The folders on which a handler's interpreter depends."""
    places = {Path(sys.prefix), Path(sys.base_prefix)}
    places |= {Path(os.path.realpath(place)) for place in places}
    return sorted(places | {source.parent for source in _entries().values()})


@functools.cache
def _entries() -> dict[str, Path]:
    """What stands in site-packages for the given distributions and all that they need."""
    found: dict[str, Path] = {}
    for distribution in _closure(_GIVEN):
        # ``Distribution.files`` parses thousands of lines into objects: 30 ms for botocore alone.
        record = distribution.read_text("RECORD") or "\n".join(map(str, distribution.files or ()))
        for name in {line.split(",")[0].split("/")[0] for line in record.splitlines()}:
            if name not in ("..", "__pycache__"):
                found[name] = Path(str(distribution.locate_file(name)))
    return found


def _closure(names: tuple[str, ...]) -> list[importlib.metadata.Distribution]:
    waiting, seen = deque(names), set(names)
    distributions = []
    while waiting:
        distribution = importlib.metadata.distribution(waiting.popleft())
        distributions.append(distribution)
        for needed in _needs(distribution) - seen:
            seen.add(needed)
            waiting.append(needed)
    return distributions


def _needs(distribution: importlib.metadata.Distribution) -> set[str]:
    """Names that a distribution requires here; markers for other platforms and extras left out."""
    names = set()
    for requirement in distribution.requires or ():
        match = _REQUIREMENT.match(requirement)
        if match and "extra" not in requirement.partition(";")[2] and _is_installed(match[0]):
            names.add(match[0].lower())
    return names


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
