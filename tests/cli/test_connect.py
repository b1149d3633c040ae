"""`backdesk connect`."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from backdesk.cli.commands.agent_hosts import Unmergeable, hosts
from tests.cli.conftest import Cli

FILES = {
    "claude-code": ".mcp.json",
    "cursor": ".cursor/mcp.json",
    "codex": ".codex/config.toml",
    "vscode": ".vscode/mcp.json",
}
HOSTS = hosts(Path("/home/of/somebody"), Path("/home/of/somebody/.codex"))
URL = "https://desk.example.com/mcp"


@pytest.fixture
def here(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BACKDESK_API_KEY", "bdk_the_secret")
    return home


@pytest.mark.parametrize("host", FILES)
def test_an_entry_is_written_once_and_without_the_secret(cli: Cli, here: Path, host: str) -> None:
    file = here / FILES[host]
    assert cli("connect", host, "--json").document["written"] is True
    text = file.read_text()
    assert "http://127.0.0.1:8000/mcp" in text
    assert "bdk_the_secret" not in text
    assert ("BACKDESK_API_KEY" in text) is (host != "vscode")
    assert cli("connect", host, "--json").document["written"] is False
    assert file.read_text() == text
    assert len(list(file.parent.iterdir())) == 1


@pytest.mark.parametrize("host", FILES)
def test_a_dry_run_writes_nothing(cli: Cli, here: Path, host: str) -> None:
    assert "would add to" in cli("connect", host, "--dry-run").out
    assert not list(here.iterdir())


def test_what_is_there_stays_and_a_copy_is_kept(cli: Cli, here: Path) -> None:
    file = here / ".mcp.json"
    before = '{\n    "mcpServers": {"other": {"command": "x"}},\n    "mine": "größer"\n}\n'
    file.write_text(before, "utf-8")
    file.chmod(0o600)
    backup = cli("connect", "claude-code", "--json").document["backup"]
    after = json.loads(file.read_text("utf-8"))
    assert after["mcpServers"]["other"] == {"command": "x"}
    assert after["mine"] == "größer"
    assert after["mcpServers"]["backdesk"]["headers"] == {"Authorization": "Bearer ${BACKDESK_API_KEY}"}
    assert Path(backup).read_text("utf-8") == before
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_added_to_is_left_alone_and_the_entry_shown(cli: Cli, here: Path) -> None:
    file = here / ".vscode/mcp.json"
    file.parent.mkdir()
    file.write_text('{\n  // servers of the team\n  "servers": {}\n}\n')
    before = file.read_text()
    answer = cli("connect", "vscode")
    assert answer.code == 2
    assert "comments in it would be lost" in answer.err
    assert '"url": "http://127.0.0.1:8000/mcp"' in answer.err
    assert file.read_text() == before


def test_a_link_stays_a_link(cli: Cli, here: Path) -> None:
    real = here / "dotfiles.json"
    real.write_text("{}")
    (here / ".mcp.json").symlink_to(real)
    cli("connect", "claude-code")
    assert (here / ".mcp.json").is_symlink()
    assert "backdesk" in real.read_text()


@pytest.mark.parametrize("options", [["--url", "desk.example.com"], ["--key-variable", "a b"], ["--user"]])
def test_what_makes_no_sense_is_refused(cli: Cli, here: Path, options: list[str]) -> None:
    assert cli("connect", "vscode", *options).code == 2
    assert not list(here.iterdir())


def test_vscode_asks_for_the_key_and_keeps_what_it_asked_before() -> None:
    before = json.dumps({"inputs": [{"id": "other"}], "servers": {}})
    merged = json.loads(HOSTS["vscode"].merge(before, URL, "ANY"))
    assert [each["id"] for each in merged["inputs"]] == ["other", "backdesk-key"]
    assert merged["inputs"][1]["password"] is True
    assert merged["servers"]["backdesk"]["headers"] == {"Authorization": "Bearer ${input:backdesk-key}"}


def test_cursor_names_the_variable_in_its_own_way() -> None:
    merged = json.loads(HOSTS["cursor"].merge("", URL, "KEY"))
    assert merged["mcpServers"]["backdesk"] == {"url": URL, "headers": {"Authorization": "Bearer ${env:KEY}"}}


@pytest.mark.parametrize(
    "before",
    [
        "",
        'model = "o9"  # mine\n\n[mcp_servers.other]\ncommand = "x"\n',
        '[mcp_servers.backdesk]\nurl = "http://old"\n[mcp_servers.backdesk.env]\nA = "b"\n\n[tui]\na = 1 # keep\n',
        '[mcp_servers."backdesk"]\nurl = "http://old"\n',
    ],
)
def test_a_table_of_codex_is_added_or_renewed_and_no_other_line_touched(before: str) -> None:
    merged = HOSTS["codex"].merge(before, URL, "KEY")
    expected: dict[str, Any] = tomllib.loads(before)
    expected.setdefault("mcp_servers", {})["backdesk"] = {"url": URL, "bearer_token_env_var": "KEY"}
    assert tomllib.loads(merged) == expected
    assert [line for line in before.splitlines() if "#" in line] == [
        line for line in merged.splitlines() if "#" in line
    ]
    assert HOSTS["codex"].merge(merged, URL, "KEY") == merged


@pytest.mark.parametrize("before", ['mcp_servers = {backdesk = {url = "http://old"}}\n', "not toml"])
def test_a_file_of_codex_that_cannot_be_edited_line_by_line_is_refused(before: str) -> None:
    with pytest.raises(Unmergeable):
        HOSTS["codex"].merge(before, URL, None)


@pytest.mark.parametrize("before", ["[]", '{"mcpServers": []}', '"text"', "{"])
def test_json_of_another_shape_is_refused(before: str) -> None:
    with pytest.raises(Unmergeable):
        HOSTS["claude-code"].merge(before, URL, None)
