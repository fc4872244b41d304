from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from bakehouse.cli.package import command
from bakehouse.faults import InvalidInput, StorageFailed
from bakehouse.functions.archives import check_archive
from bakehouse.functions.packaging import pack


def ignore(_: str) -> None:
    pass


def folder_with(place: Path, **files: str) -> Path:
    folder = place / "classify"
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def wheel(place: Path) -> Path:
    """A distribution ``thing`` 1.0 with a module, a data file and a command."""
    place.mkdir()
    info = "thing-1.0.dist-info"
    files = {
        "thing/__init__.py": "ANSWER = 42\n",
        "thing/data.txt": "data\n",
        "lambda_function.py": "whose = 'thing'\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nthing = thing:main\n",
    }
    record = "".join(f"{name},,\n" for name in files) + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(place / "thing-1.0-py3-none-any.whl", "w") as opened:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            opened.writestr(name, text)
    return place


def names_in(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as opened:
        return opened.namelist()


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    """Whenever they were written, in whatever order, with whatever mode for others."""
    digests = set()
    for number, names in enumerate((("a.py", "b.py"), ("b.py", "a.py"))):
        place = tmp_path / str(number)
        folder = folder_with(place, **{name: name for name in names})
        os.utime(folder / "a.py", (number * 1e8, number * 1e8))
        (folder / "b.py").chmod(0o600 if number else 0o664)
        digests.add(pack(folder, place / "out.zip", on_line=ignore).sha256)
    assert len(digests) == 1


def test_a_package_holds_the_folder_at_its_root(tmp_path: Path) -> None:
    """What only the developer's machine needs stays out; the archive itself too."""
    folder = folder_with(
        tmp_path,
        **{
            "lambda_function.py": "x",
            "sub__part.py": "y",
            "__pycache____part.pyc": "no",
            ".venv__lib.py": "no",
            "stale.pyc": "no",
        },
    )
    (folder / "run.sh").write_text("#!/bin/sh")
    (folder / "run.sh").chmod(0o700)
    for _ in range(2):
        package = pack(folder, folder / "out.zip", on_line=ignore)
    content = package.path.read_bytes()
    check_archive(content)
    assert names_in(package.path) == ["lambda_function.py", "run.sh", "sub/part.py"]
    assert package.sha256 == hashlib.sha256(content).hexdigest()
    assert (package.files, package.size_bytes) == (3, len(content))
    with zipfile.ZipFile(package.path) as opened:
        modes = [entry.external_attr >> 16 for entry in opened.infolist()]
    assert modes == [0o100644, 0o100755, 0o100644]


def test_dependencies_stand_beside_the_files(tmp_path: Path) -> None:
    """Installed by pip, without commands; the folder's own file wins; the same bytes again."""
    wheels = wheel(tmp_path / "wheels")
    requirements = f"--no-index\n--find-links {wheels}\nthing==1.0\n"
    own = {"lambda_function.py": "whose = 'own'\n", "requirements.txt": requirements}
    folder = folder_with(tmp_path, **own)
    said: list[str] = []
    first = pack(folder, tmp_path / "1.zip", on_line=said.append)
    second = pack(folder, tmp_path / "2.zip", on_line=ignore)
    assert first.sha256 == second.sha256
    assert any("thing" in line for line in said)
    names = names_in(first.path)
    assert {"lambda_function.py", "requirements.txt", "thing/__init__.py"} <= set(names)
    assert not any(name.startswith("bin/") or name.endswith(".pyc") for name in names)
    with zipfile.ZipFile(first.path) as opened:
        assert opened.read("lambda_function.py") == b"whose = 'own'\n"
        record = opened.read("thing-1.0.dist-info/RECORD").decode()
    assert "thing/data.txt" in record
    assert "bin/thing" not in record


def test_what_cannot_be_packed_is_named(tmp_path: Path) -> None:
    """A folder that is not there or empty, and a link to a folder."""
    with pytest.raises(InvalidInput, match="a folder with a handler's files"):
        pack(tmp_path / "nowhere", tmp_path / "out.zip", on_line=ignore)
    folder = folder_with(tmp_path, **{"a.py": "x"})
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(InvalidInput, match="no links to folders"):
        pack(folder, tmp_path / "out.zip", on_line=ignore)


def test_the_command_prints_path_size_and_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The archive lies in the current folder under the folder's name unless told otherwise."""
    folder = folder_with(tmp_path, **{"a.py": "x"})
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(command, [str(folder)])
    assert result.exit_code == 0
    digest = hashlib.sha256((tmp_path / "classify.zip").read_bytes()).hexdigest()
    assert result.stdout.startswith("classify.zip\n  1 file, ")
    assert f"sha256 {digest}" in result.stdout
    assert CliRunner().invoke(command, [str(folder), "-o", "other.zip"]).exit_code == 0
    assert (tmp_path / "other.zip").read_bytes() == (tmp_path / "classify.zip").read_bytes()


def test_the_command_says_what_to_do(tmp_path: Path) -> None:
    """Errors are sentences, with pip's own words before them; the archive of before is left."""
    missing = CliRunner().invoke(command, [str(tmp_path / "nowhere")])
    assert missing.exit_code == 1
    assert "expected a folder with a handler's files" in missing.stderr
    folder = folder_with(tmp_path, **{"requirements.txt": "--no-index\nnot-there==1\n"})
    archive = tmp_path / "out.zip"
    archive.write_bytes(b"before")
    failed = CliRunner().invoke(command, [str(folder), "-o", str(archive)])
    assert failed.exit_code == 1
    assert "not-there" in failed.stderr
    assert "correct requirements.txt" in failed.stderr
    assert archive.read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["classify", "out.zip"]


def test_an_archive_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The sentence has the target, not a name of ours, and no folder is made for it."""
    folder = folder_with(tmp_path, **{"a.py": "x"})
    with pytest.raises(StorageFailed, match=r"no folder .*none for x\.zip; make it first"):
        pack(folder, tmp_path / "none" / "x.zip", on_line=ignore)
    (tmp_path / "taken.zip").mkdir()
    with pytest.raises(StorageFailed) as caught:
        pack(folder, tmp_path / "taken.zip", on_line=ignore)
    assert caught.value.message == (
        f"{tmp_path / 'taken.zip'} cannot be written: Is a directory."
        " Name a place that can be written to."
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["classify", "taken.zip"]


def test_a_folder_that_takes_no_file_is_told(tmp_path: Path) -> None:
    """Where the disk refuses every new file, the command ends with one sentence."""
    folder = folder_with(tmp_path, **{"a.py": "x"})
    result = CliRunner().invoke(command, [str(folder), "-o", "/proc/x.zip"])
    assert result.exit_code == 1
    assert "/proc/x.zip cannot be written: " in result.stderr
    assert "Errno" not in result.stderr
