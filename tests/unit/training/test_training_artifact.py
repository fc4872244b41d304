"""The artifact's archive."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

from bakehouse.training.artifact import has_files, pack


def model(folder: Path, names: list[str]) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def test_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    """Neither time nor owner nor the order of writing shows in the archive."""
    first = model(tmp_path / "a", ["model.onnx", "code/x.py"])
    second = model(tmp_path / "b", ["code/x.py", "model.onnx"])
    os.utime(second / "model.onnx", (1, 1))
    (second / "code/x.py").chmod(0o600)
    pack(first, tmp_path / "1.tar.gz")
    pack(second, tmp_path / "2.tar.gz")
    assert (tmp_path / "1.tar.gz").read_bytes() == (tmp_path / "2.tar.gz").read_bytes()


def test_archive_is_flat_and_whole(tmp_path: Path) -> None:
    """Names begin at the model's folder, as SageMaker's do."""
    pack(model(tmp_path / "m", ["model.onnx", "code/x.py"]), tmp_path / "m.tar.gz")
    with tarfile.open(tmp_path / "m.tar.gz") as tar:
        assert tar.getnames() == ["code", "code/x.py", "model.onnx"]
        tar.extractall(tmp_path / "out", filter="data")
    assert (tmp_path / "out/code/x.py").read_bytes() == b"code/x.py"


def test_links_stay_behind(tmp_path: Path) -> None:
    """A link, which may point anywhere, is not packed."""
    folder = model(tmp_path / "m", ["model.onnx"])
    (folder / "passwd").symlink_to("/etc/passwd")
    pack(folder, tmp_path / "m.tar.gz")
    with tarfile.open(tmp_path / "m.tar.gz") as tar:
        assert tar.getnames() == ["model.onnx"]


def test_has_files(tmp_path: Path) -> None:
    """Folders alone are nothing."""
    (tmp_path / "a/b").mkdir(parents=True)
    assert not has_files(tmp_path)
    (tmp_path / "a/b/c").touch()
    assert has_files(tmp_path)
