"""Which images are prepared: of a named archive, of the cache, or drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakehouse.datasets.cache import cached_archive, find_archive
from bakehouse.datasets.cifar import cifar_source
from bakehouse.datasets.drawn import draw_vehicles
from bakehouse.datasets.folders import write_folder
from bakehouse.datasets.labelled import Dataset
from bakehouse.datasets.prepare import prepare_data
from bakehouse.faults import InvalidInput, WorkFailed
from support.cifar_archives import write_archive


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No archive on this machine."""
    monkeypatch.delenv("BAKEHOUSE_CIFAR100", raising=False)
    monkeypatch.setenv("BAKEHOUSE_CACHE", str(tmp_path / "cache"))


def test_the_named_archive_comes_before_the_variable_and_the_cache(tmp_path: Path) -> None:
    """Path, then ``BAKEHOUSE_CIFAR100``, then the cached copy, then none."""
    named, variable = write_archive(tmp_path / "n"), write_archive(tmp_path / "v")
    environment = {"BAKEHOUSE_CIFAR100": str(variable), "BAKEHOUSE_CACHE": str(tmp_path / "cache")}
    cached = cached_archive(environment)
    cached.parent.mkdir()
    write_archive(cached)
    assert find_archive(named, environment) == named
    assert find_archive(None, environment) == variable
    del environment["BAKEHOUSE_CIFAR100"]
    assert find_archive(None, environment) == cached
    assert find_archive(None, {"BAKEHOUSE_CACHE": str(tmp_path)}) is None


@pytest.mark.parametrize("where", ["archive", "BAKEHOUSE_CIFAR100"])
def test_a_named_archive_that_is_not_there_is_an_error(tmp_path: Path, where: str) -> None:
    """Whoever names an archive wants that one: nothing is drawn in its place."""
    missing = tmp_path / "missing"
    path = missing if where == "archive" else None
    with pytest.raises(InvalidInput) as caught:
        find_archive(path, {"BAKEHOUSE_CIFAR100": str(missing)})
    assert caught.value.path == where


def test_a_spoiled_archive_is_an_error(tmp_path: Path) -> None:
    """An archive that is not the published one is refused, and no folder is made."""
    with pytest.raises(InvalidInput, match="was published"):
        prepare_data(tmp_path / "out", archive=write_archive(tmp_path / "a.tar.gz"))
    assert not (tmp_path / "out").exists()


def test_without_an_archive_vehicles_are_drawn_and_the_reason_is_said(tmp_path: Path) -> None:
    """The fallback is never silent."""
    lines: list[str] = []
    stages: list[str] = []
    prepared = prepare_data(
        tmp_path / "out",
        download=False,
        report=lines.append,
        progress=lambda stage, _share: stages.append(stage),
    )
    assert prepared.source == "drawn"
    assert prepared.counts == {"train": 1000, "test": 200}
    assert prepared.reason is not None
    assert "downloading is switched off" in prepared.reason
    assert prepared.reason in lines[0]
    assert set(stages) == {"draw", "write"}


def test_what_cannot_be_drawn_is_an_error_without_an_archive(tmp_path: Path) -> None:
    """Foxes need the archive; the error says why there is none."""
    with pytest.raises(WorkFailed, match=r"switched off\. Only .* can be drawn, not fox"):
        prepare_data(tmp_path / "out", labels=["fox", "bicycle"], download=False)


def test_only_vehicles_can_be_asked_to_be_drawn(tmp_path: Path) -> None:
    """``drawn`` with other classes is the caller's mistake."""
    with pytest.raises(InvalidInput, match="not fox"):
        prepare_data(tmp_path / "out", labels=["fox", "bicycle"], drawn=True)


def write_photographs(out: Path) -> None:
    """A folder that says it holds photographs."""
    small = draw_vehicles(0, train=3, test=1)
    source = cifar_source(["bicycle", "motorcycle"])
    write_folder(out, Dataset(small.classes, small.train, small.test, source))


@pytest.mark.parametrize("spoil", [False, True])
def test_other_images_are_kept_unless_they_may_be_replaced(tmp_path: Path, spoil: bool) -> None:
    """The sentence says what is there, also where its description is damaged; nothing is lost."""
    out = tmp_path / "out"
    write_photographs(out)
    if spoil:
        (out / "source.json").write_text("{")
    there = "images of another source" if spoil else r"photographs of CIFAR-100 \(bicycle, "
    with pytest.raises(InvalidInput, match=f"out holds {there}.*--replace"):
        prepare_data(out, drawn=True, replace=False)
    assert len(list((out / "train").iterdir())) == 6


def test_a_replacement_is_told_before_it_happens(tmp_path: Path) -> None:
    """Photographs make way for drawings where they may, and then nothing is said of the same."""
    out, lines = tmp_path / "out", list[str]()
    write_photographs(out)
    prepare_data(out, drawn=True, seed=3, report=lines.append)
    assert lines[0].startswith(f"Replacing what {out} holds: photographs of CIFAR-100 (bicycle, ")
    prepare_data(out, drawn=True, seed=3, replace=False, report=lines.append)
    assert lines[-1] == f"{out} holds these drawings already."
    with pytest.raises(InvalidInput, match=r"drawings \(bicycle, motorcycle, seed 3\)"):
        prepare_data(out, drawn=True, seed=4, replace=False)


def test_a_folder_from_the_same_source_is_left_alone(tmp_path: Path) -> None:
    """Photographs that are there are found again, without any archive."""
    write_photographs(tmp_path / "out")
    before = (tmp_path / "out").stat().st_ino
    prepared = prepare_data(tmp_path / "out", download=False)
    assert (prepared.source, prepared.counts) == ("cifar-100", {"train": 6, "test": 2})
    assert (tmp_path / "out").stat().st_ino == before
