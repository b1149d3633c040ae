"""Packages of their own beside backdesk: what they are made of, and that they use what is promised alone."""

from __future__ import annotations

import ast
import zipfile
from pathlib import Path

import pytest

from tests.support.installed import Installed, build_wheel
from tests.support.workers import ROOT

PLUGINS = sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))
#: What authors of kinds and callers may import.
PROMISED = {"backdesk.worker", "backdesk.agents", "backdesk.client"}


def _imported(file: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(file.read_text())))
    named = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return named | {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_a_plugin_imports_of_backdesk_what_is_promised_and_no_more(plugin: Path) -> None:
    used = {name for file in plugin.rglob("*.py") for name in _imported(file) if name.split(".")[0] == "backdesk"}
    assert used
    assert used <= PROMISED


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_the_wheel_of_a_plugin_holds_its_package_its_types_and_its_licence(plugin: Path, tmp_path: Path) -> None:
    names = zipfile.ZipFile(build_wheel(tmp_path, plugin)).namelist()
    package = plugin.name.replace("-", "_")
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {package}
    assert f"{package}/py.typed" in names
    assert any(name.endswith("LICENSE") for name in names)


@pytest.mark.extras
@pytest.mark.timeout(600)
@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_a_plugin_installs_beside_backdesk_and_brings_its_library(plugin: Path, tmp_path: Path) -> None:
    installed = Installed(tmp_path, build_wheel(tmp_path / "wheels"), "worker")
    installed.add(build_wheel(tmp_path / "wheels", plugin))
    package = plugin.name.replace("-", "_")
    assert installed.run("python", "-c", f"from {package} import agent_job; print('here')").strip() == "here"


def test_the_wheel_of_backdesk_has_no_plugin() -> None:
    build = (ROOT / "pyproject.toml").read_text()
    assert 'packages = ["worker/backdesk", "tasks/backdesk", "producers/backdesk"]' in build
