"""The folders of jobs: apart from each other, bounded, and gone in the end, whatever was made in them."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

import pytest

from backdesk.tools.isolation.files import file_names
from backdesk.tools.isolation.folder import JobFolder, files_in, read_file, remove, size_of, sweep
from backdesk.tools.isolation.program import SandboxLimits


def test_jobs_and_tenants_have_folders_of_their_own(tmp_path: Path) -> None:
    owners = [(tenant, job, use) for tenant in ("a", "../b") for job in ("1", "../2") for use in ("x", "y")]
    paths = {JobFolder(tmp_path, *owner, 1).make() for owner in owners}
    assert len(paths) == 8
    assert all(path.is_relative_to(tmp_path / "sandbox") and path.is_dir() for path in paths)


def test_a_folder_is_the_same_throughout_an_attempt(tmp_path: Path) -> None:
    JobFolder(tmp_path, "a", "1", "x", 1).make()
    JobFolder(tmp_path, "a", "1", "x", 1).put("kept.txt", b"yes")
    again = JobFolder(tmp_path, "a", "1", "x", 1)
    assert read_file(again.make(), "kept.txt", 10) == b"yes"


def test_what_an_attempt_before_it_has_left_goes_when_the_next_one_has_a_folder(tmp_path: Path) -> None:
    left, others = (
        JobFolder(tmp_path, "a", "1", "x", 1),
        [JobFolder(tmp_path, "a", "2", "x", 1), JobFolder(tmp_path, "a", "1", "y", 1)],
    )
    for folder in (left, *others):
        folder.make()
        folder.put("file", b"x")
    assert list(JobFolder(tmp_path, "a", "1", "x", 2).make().iterdir()) == []
    assert not left.path.exists()
    assert all(folder.path.exists() for folder in others)


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/b", "", ".", ".."])
def test_a_file_is_put_by_a_name_and_no_path(tmp_path: Path, name: str) -> None:
    folder = JobFolder(tmp_path, "a", "1", "x", 1)
    folder.make()
    with pytest.raises(ValueError, match="no name of a file"):
        folder.put(name, b"")


def test_old_folders_are_removed_and_others_stay(tmp_path: Path) -> None:
    old, new = (JobFolder(tmp_path, "a", job, "x", 1) for job in ("old", "new"))
    for folder in (old, new):
        folder.make()
        folder.put("file", b"x")
    os.utime(old.path, (1_000, 1_000))
    assert sweep(tmp_path, keep_s=3600) == 1
    assert (old.path.exists(), new.path.exists()) == (False, True)


def test_no_depth_keeps_a_folder_from_being_removed(tmp_path: Path) -> None:
    top = tmp_path / "deep"
    top.mkdir()
    at = os.open(top, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d" * 50, dir_fd=at)
        above, at = at, os.open("d" * 50, os.O_RDONLY, dir_fd=at)
        os.close(above)
    os.close(at)
    assert size_of(top, 10).files > 10
    remove(top)
    assert not top.exists()


def test_what_is_removed_is_no_more_than_the_folder(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").write_text("x")
    top = tmp_path / "top"
    (top / "closed").mkdir(parents=True)
    (top / "closed" / "file").write_text("x")
    (top / "link").symlink_to(tmp_path / "outside")
    (top / "closed" / "link").symlink_to(tmp_path / "outside")
    (top / "closed").chmod(0)
    remove(top)
    remove(top)
    assert not top.exists()
    assert (tmp_path / "outside" / "kept").read_text() == "x"


def test_only_regular_files_within_are_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    top = tmp_path / "top"
    (top / "below").mkdir(parents=True)
    (top / "below" / "file").write_text("fine")
    (top / "link").symlink_to(tmp_path / "secret")
    (top / "folder").symlink_to(tmp_path)
    os.mkfifo(top / "pipe")
    assert [name for name, _ in files_in(top, 100)] == ["below/file"]
    assert read_file(top, "below/file", 10) == b"fine"
    assert [read_file(top, name, 10) for name in ("link", "folder/secret", "pipe", "below", "none")] == [None] * 5
    assert read_file(top, "below/file", 3) is None


def test_a_folder_is_measured_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 1_000_000)
    top = tmp_path / "top"
    top.mkdir()
    (top / "link").symlink_to(tmp_path / "big")
    (top / "file").write_bytes(b"x" * 10)
    size = size_of(top, 100)
    assert (size.files, size.bytes < 100_000) == (2, True)
    assert size.within(SandboxLimits())
    assert not size.within(SandboxLimits(folder_files=1))


def test_names_of_files_are_made_safe_and_told_apart() -> None:
    given = ["a.txt", "../../etc/passwd", "-rf", ".bashrc", "a.txt", "\0", "x\ny", "Übersicht 1.csv", "z" * 300]
    names = file_names(given)
    assert names[:2] == ["a.txt", "_.._etc_passwd"]
    assert len(set(names)) == len(given)
    assert all("/" not in name and not name.startswith(("-", ".")) and len(name) <= 110 for name in names)
    assert "Übersicht 1.csv" in names


@pytest.mark.skipif(sys.platform != "linux", reason="a call of Linux")
def test_what_takes_more_of_the_disk_than_it_says_is_measured_by_that(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        keep_size = 1
        ctypes.CDLL(None).fallocate(file.fileno(), keep_size, ctypes.c_long(0), ctypes.c_long(1_000_000))
    assert (tmp_path / "file").stat().st_size == 0
    assert size_of(tmp_path, 10).bytes >= 1_000_000


def test_a_folder_too_deep_to_be_looked_into_counts_as_too_much(tmp_path: Path) -> None:
    at = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=at)
        above, at = at, os.open("d" * 250, os.O_RDONLY, dir_fd=at)
        os.close(above)
    os.close(at)
    assert not size_of(tmp_path, SandboxLimits().folder_files).within(SandboxLimits())
    assert [*files_in(tmp_path, 10)] == []
