"""The configuration files of hosts that speak MCP. Text in, text out: what is there stays.

Formats as their makers document them: code.claude.com/docs/en/mcp, cursor.com/docs/mcp, developers.openai.com/codex/mcp
and code.visualstudio.com/docs/copilot/reference/mcp-configuration.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVER = "backdesk"
#: The name of what VS Code asks its user for, and keeps.
INPUT = "backdesk-key"
_INDENT = re.compile(r"\n([ \t]+)\S")


class Unmergeable(ValueError):
    """A file cannot be added to without losing something; the message says why."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host: its files (of a project, and of a user where there is one), and how an entry is added to one.

    `merge(text, url, variable)` returns the file with the entry. The secret of the key is never part of it: the
    entry names an environment variable, or has the host ask for it. Without a variable, there is no key.
    """

    name: str
    project_file: Path
    user_file: Path | None
    merge: Callable[[str, str, str | None], str]


def _claude_code(text: str, url: str, variable: str | None) -> str:
    return _json_entry(text, "mcpServers", {"type": "http", "url": url} | _bearer(variable, "${%s}"))


def _cursor(text: str, url: str, variable: str | None) -> str:
    return _json_entry(text, "mcpServers", {"url": url} | _bearer(variable, "${env:%s}"))


def _vscode(text: str, url: str, variable: str | None) -> str:
    entry = {"type": "http", "url": url} | _bearer(variable and INPUT, "${input:%s}")
    asked = {"type": "promptString", "id": INPUT, "description": "API key of backdesk", "password": True}
    return _json_entry(text, "servers", entry, inputs=[asked] if variable else [])


def _bearer(name: str | None, reference: str) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {reference % name}"}} if name else {}


def _json_entry(text: str, section: str, entry: dict[str, Any], inputs: list[dict[str, Any]] | None = None) -> str:
    """Return a JSON file with an entry of ours in a section, in place of an older one; all else stays, in its order."""
    try:
        document = json.loads(text) if text.strip() else {}
    except json.JSONDecodeError as error:
        raise Unmergeable(f"is not plain JSON (line {error.lineno}); comments in it would be lost") from None
    if not isinstance(document, dict) or not isinstance(document.get(section, {}), dict):
        raise Unmergeable(f"has no object {section!r}")
    document.setdefault(section, {})[SERVER] = entry
    if inputs:
        others = [each for each in document.get("inputs", []) if each.get("id") != INPUT]
        document["inputs"] = [*others, *inputs]
    found = _INDENT.search(text)
    return json.dumps(document, indent=found[1] if found else 2, ensure_ascii=False) + "\n"


def _codex(text: str, url: str, variable: str | None) -> str:
    """Return a TOML file with our table, in place of an older one; no other line is touched."""
    before = _toml(text)
    table = f"[mcp_servers.{SERVER}]\nurl = {json.dumps(url)}\n"
    if variable:
        table += f"bearer_token_env_var = {json.dumps(variable)}\n"
    merged = _without_table(text)
    merged = (merged.rstrip("\n") + "\n\n" if merged.strip() else "") + table
    after = _toml(merged)
    for document in (before, after):
        document.get("mcp_servers", {}).pop(SERVER, None)
        if not document.get("mcp_servers", True):
            del document["mcp_servers"]
    if before != after:
        raise Unmergeable(f"has {SERVER!r} in a form that cannot be replaced line by line")
    return merged


def _without_table(text: str) -> str:
    kept, ours = list[str](), False
    for line in text.splitlines(keepends=True):
        if line.lstrip().startswith("["):
            name = line.strip().strip("[]").replace(" ", "").replace('"', "")
            ours = name == f"mcp_servers.{SERVER}" or name.startswith(f"mcp_servers.{SERVER}.")
        if not ours:
            kept.append(line)
    return "".join(kept)


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Unmergeable(f"is no TOML: {error}") from None


def hosts(home: Path, codex_home: Path) -> dict[str, Host]:
    """Return the hosts by name. `codex_home` is where Codex has its files, which CODEX_HOME may say."""
    made = (
        Host("claude-code", Path(".mcp.json"), home / ".claude.json", _claude_code),
        Host("cursor", Path(".cursor/mcp.json"), home / ".cursor/mcp.json", _cursor),
        Host("codex", Path(".codex/config.toml"), codex_home / "config.toml", _codex),
        Host("vscode", Path(".vscode/mcp.json"), None, _vscode),
    )
    return {each.name: each for each in made}
