"""From a folder with a handler to the zip archive that Lambda takes: the same bytes every time."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bakehouse.faults import InvalidInput, LimitExceeded, StorageFailed, WorkFailed
from bakehouse.functions.archives import UNZIPPED_BYTES

REQUIREMENTS = "requirements.txt"
"""The file that names a folder's dependencies."""

_LEFT_OUT = frozenset(
    {
        ".DS_Store",
        ".git",
        ".hg",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".svn",
        ".venv",
        "__pycache__",
        "venv",
    }
)
_MOMENT = (1980, 1, 1, 0, 0, 0)  # the first that a zip archive can name
_SCRIPTS = "bin"  # where pip puts commands; they name this machine's interpreter


class InstallFailed(WorkFailed):
    """pip could not install a folder's dependencies. ``output`` is what it said."""

    def __init__(self, requirements: Path, output: str) -> None:
        self.output = output
        super().__init__(f"pip could not install what {requirements} names.")


@dataclass(frozen=True, slots=True)
class Package:
    """A finished archive."""

    path: Path
    files: int
    size_bytes: int
    unzipped_bytes: int
    sha256: str


def pack(folder: Path, archive: Path, *, on_line: Callable[[str], None]) -> Package:
    """Zip a folder with its dependencies beside its files.

    The same files and the same installed versions give the same bytes: names are sorted, times
    fixed and modes normalised; compiled files are left out. Where a dependency has a file of the
    same name as the folder, the folder's wins.

    Args:
        folder: holds the handler's files and, where it has any, ``requirements.txt``.
        archive: where the zip goes, in a folder that is there; it is replaced when the new one is
            whole.
        on_line: called with each line that pip says.

    Raises:
        InvalidInput: there is nothing to pack, or something that cannot be packed.
        InstallFailed: pip failed.
        LimitExceeded: Lambda would not take the files, because they are too large together.
        StorageFailed: the archive cannot be written there.
    """
    if not folder.is_dir():
        raise InvalidInput("FOLDER", str(folder), "a folder with a handler's files")
    own = dict(_files(folder, leave_out=archive))
    if not own:
        raise InvalidInput("FOLDER", str(folder), "at least one file in it")
    if not archive.parent.is_dir():
        raise StorageFailed(
            f"There is no folder {archive.parent} for {archive.name}; make it first."
        )
    with tempfile.TemporaryDirectory(prefix="bakehouse-package-") as scratch:
        installed = Path(scratch) / "installed"
        if REQUIREMENTS in own:
            _install(own[REQUIREMENTS], installed, on_line)
        return _write({**_dependencies(installed), **own}, archive)


def _files(folder: Path, leave_out: Path | None = None) -> Iterator[tuple[str, Path]]:
    """The files below a folder: their names in the archive and where they are."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        for name in folders:
            if (Path(place) / name).is_symlink():
                raise InvalidInput("FOLDER", str(Path(place) / name), "no links to folders")
        for name in names:
            path = Path(place) / name
            if name in _LEFT_OUT or path.suffix == ".pyc" or _is_same(path, leave_out):
                continue
            if not path.is_file():
                raise InvalidInput("FOLDER", str(path), "plain files only")
            yield path.relative_to(folder).as_posix(), path


def _is_same(path: Path, other: Path | None) -> bool:
    return other is not None and path.resolve() == other.resolve()


def _dependencies(installed: Path) -> dict[str, Path]:
    """What pip installed, without commands."""
    return {
        name: path for name, path in _files(installed) if PurePosixPath(name).parts[0] != _SCRIPTS
    }


def _install(requirements: Path, target: Path, on_line: Callable[[str], None]) -> None:
    command = [sys.executable, "-m", "pip", "install", "--no-input", "--no-compile"]
    command += ["--disable-pip-version-check", "--no-warn-script-location"]
    command += ["--target", str(target), "--requirement", requirements.name]
    said = []
    with subprocess.Popen(
        command,
        cwd=requirements.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as pip:
        assert pip.stdout is not None  # noqa: S101 (asked for above)
        for line in pip.stdout:
            said.append(line)
            on_line(line.rstrip())
    if pip.returncode != 0:
        raise InstallFailed(requirements, "".join(said))


def _write(files: dict[str, Path], archive: Path) -> Package:
    unzipped = sum(path.stat().st_size for path in files.values())
    if unzipped > UNZIPPED_BYTES:
        raise LimitExceeded("The unzipped package", unzipped, UNZIPPED_BYTES, "bytes")
    partial = archive.with_name(f".{os.getpid()}.zip")  # short, where the name takes all there is
    try:
        with zipfile.ZipFile(partial, "w") as opened:
            for name in sorted(files):
                _add(opened, name, files)
        size, digest = partial.stat().st_size, hashlib.sha256(partial.read_bytes()).hexdigest()
        partial.replace(archive)
    except OSError as error:
        why = error.strerror or str(error)
        raise StorageFailed(
            f"{archive} cannot be written: {why}. Name a place that can be written to."
        ) from error
    finally:
        with contextlib.suppress(OSError):  # where nothing could be written, nothing is left
            partial.unlink()
    return Package(archive, len(files), size, unzipped, digest)


def _add(opened: zipfile.ZipFile, name: str, files: dict[str, Path]) -> None:
    try:
        content = files[name].read_bytes()
        is_executable = bool(files[name].stat().st_mode & 0o100)
    except OSError as error:
        allowed = f"files that can be read ({error.strerror})"
        raise InvalidInput("FOLDER", str(files[name]), allowed) from error
    if name.endswith(".dist-info/RECORD"):
        content = _record_of_packed(content, files)
    entry = zipfile.ZipInfo(name, _MOMENT)
    entry.create_system = 3  # Unix, so that the mode counts
    entry.external_attr = (0o100755 if is_executable else 0o100644) << 16
    opened.writestr(entry, content, zipfile.ZIP_DEFLATED, 9)


def _record_of_packed(record: bytes, files: dict[str, Path]) -> bytes:
    """A distribution's list of files without those left out: commands differ by machine."""
    lines = record.decode().splitlines(keepends=True)
    return "".join(line for line in lines if line.split(",", 1)[0].strip('"') in files).encode()
