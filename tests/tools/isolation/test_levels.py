"""The level is what was tried; below the least one nothing is started."""

from __future__ import annotations

import ctypes.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backdesk.platform.tool_settings import settings_of
from backdesk.tools.isolation import landlock, levels, seccomp
from backdesk.tools.isolation.launch import Level
from backdesk.tools.isolation.levels import level, level_in_words, why_not
from backdesk.tools.isolation.program import Program
from backdesk.tools.isolation.sandbox import run
from backdesk.tools.isolation.settings import SandboxSettings
from backdesk.worker.errors import ConfigurationError


@pytest.fixture(autouse=True)
def untried(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(levels, "_tried", {})
    seccomp.filter_program.cache_clear()
    settings_of.cache_clear()
    yield
    seccomp.filter_program.cache_clear()
    settings_of.cache_clear()


def made_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def least(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_SANDBOX_LEAST", name)


async def test_a_machine_without_isolation_starts_nothing_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(ConfigurationError, match=r"landlock: it needs Linux.*set BACKDESK_SANDBOX_LEAST to a lower"):
        await run(Program(Path("/usr/bin/touch"), ["touch", "made"], writable=True), tmp_path)
    assert made_in(tmp_path) == []


async def test_a_machine_without_isolation_has_limits_where_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    least("limits", monkeypatch)
    assert await level() is Level.limits


async def test_what_the_extra_would_bring_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "pyseccomp", None)
    with pytest.raises(ConfigurationError, match=r'pip install "backdesk\[tools\]"'):
        await level()


async def test_a_missing_library_of_the_system_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delitem(sys.modules, "pyseccomp", raising=False)
    found = ctypes.util.find_library
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None if name == "seccomp" else found(name))
    with pytest.raises(ConfigurationError, match="apt install libseccomp2"):
        await level()


async def test_a_kernel_whose_landlock_lets_files_be_cut_off_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    import py_landlock

    monkeypatch.setattr(py_landlock, "get_abi_version", lambda: 2)
    assert landlock.LEAST_ABI == 3
    assert "ABI 2, and 3 is needed" in str(await why_not(Level.landlock))


async def test_bubblewrap_is_tried_and_not_assumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho bwrap: No permissions to create new namespace\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "it does not work here: bwrap: No permissions" in str(await why_not(Level.bubblewrap))
    least("bubblewrap", monkeypatch)
    with pytest.raises(ConfigurationError, match="No permissions to create new namespace"):
        await level()


async def test_without_bubblewrap_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "apt install bubblewrap" in str(await why_not(Level.bubblewrap))


def test_health_tells_the_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    least("limits", monkeypatch)
    (dependency,) = settings_of(SandboxSettings).dependencies()
    assert (dependency.name, dependency.check()) == ("sandbox", level_in_words()) == ("sandbox", "limits")


def test_a_level_that_does_not_exist_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    least("none", monkeypatch)
    with pytest.raises(ConfigurationError, match="BACKDESK_SANDBOX_LEAST"):
        settings_of(SandboxSettings)
