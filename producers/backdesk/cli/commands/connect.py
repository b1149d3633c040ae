"""`backdesk connect`: has a host of agents call this deployment's kinds as tools."""

from __future__ import annotations

import os
import re
import shutil
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from backdesk.cli.commands.agent_hosts import Host, Unmergeable, hosts
from backdesk.cli.errors import CommandFailed, ExitCode
from backdesk.cli.output import AsJson, Output
from backdesk.worker.errors import InvalidRequest

VARIABLE = "BACKDESK_API_KEY"
LOCAL = "http://127.0.0.1:8000"


class HostName(StrEnum):
    """The hosts that are known."""

    CLAUDE_CODE = "claude-code"
    CURSOR = "cursor"
    CODEX = "codex"
    VSCODE = "vscode"


def connect(
    host: Annotated[HostName, typer.Argument(metavar="HOST", help="claude-code, cursor, codex or vscode.")],
    *,
    url: Annotated[str, typer.Option(metavar="URL", help="Where the gateway answers.")] = LOCAL,
    key_variable: Annotated[
        str, typer.Option(metavar="NAME", help="Environment variable in which the host finds the key.")
    ] = VARIABLE,
    no_key: Annotated[bool, typer.Option("--no-key", help="The gateway asks for none, as on this machine.")] = False,
    user: Annotated[bool, typer.Option("--user", help="For all projects of the user, not this folder.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written, and write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Have an agent of Claude Code, Cursor, Codex or VS Code call the kinds of this deployment as tools, over MCP.

    For example:

        backdesk connect claude-code
        backdesk connect cursor --url https://desk.example.com --user
        backdesk connect vscode --dry-run

    Adds an entry to the host's configuration file, or renews it; all else in it stays, and a copy of it is kept. The
    secret of a key is never written: the entry names the environment variable that has it, and VS Code asks for it.

    """
    out = Output(as_json=as_json)
    if not re.fullmatch(r"https?://[^\s/]+\S*", url):
        raise InvalidRequest("url", f"{url!r} must begin with http:// or https://")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key_variable):
        raise InvalidRequest("key-variable", f"{key_variable!r} is no name of an environment variable")
    meant = hosts(Path.home(), Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex"))[host]
    path, variable = _file(meant, user=user), None if no_key else key_variable
    endpoint = url.rstrip("/").removesuffix("/mcp") + "/mcp"
    text = path.read_text("utf-8") if path.exists() else ""
    merged = _merged(meant, path, text, endpoint, variable)
    changed = merged != text
    kept = _write(path, merged) if changed and not dry_run else None
    entry = meant.merge("", endpoint, variable)
    out.document(
        {
            "host": meant.name,
            "file": str(path),
            "entry": entry,
            "changed": changed,
            "written": changed and not dry_run,
            "backup": str(kept) if kept else None,
        }
    )
    if not changed:
        out.line(f"{path} has it already")
        return
    out.line(f"{'would add to' if dry_run else 'added to'} {path}:", "bold")
    out.block(entry)
    if kept is not None:
        out.line(f"as it was before: {kept}", "dim")
    if variable is not None and host is not HostName.VSCODE:
        out.line(f"The host reads the key from {variable}: `backdesk keys add NAME` makes one.")


def _file(host: Host, *, user: bool) -> Path:
    if not user:
        return host.project_file
    if host.user_file is None:
        raise InvalidRequest("user", f"{host.name} keeps this in its profile: leave it out, or add it there by hand")
    return host.user_file


def _merged(host: Host, path: Path, text: str, endpoint: str, variable: str | None) -> str:
    try:
        return host.merge(text, endpoint, variable)
    except Unmergeable as error:
        entry = host.merge("", endpoint, variable)
        message = f"{path} {error}. Nothing was changed; add this by hand:\n{entry}"
        raise CommandFailed("not_merged", message, ExitCode.REFUSED) from None


def _write(path: Path, text: str) -> Path | None:
    """Write a file whole or not at all, where a link leads; return the copy of what was there."""
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    kept = None
    if target.exists():
        kept = next(each for each in _backups(target) if not each.exists())
        shutil.copy2(target, kept)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    beside.write_text(text, "utf-8")
    if kept is not None:
        shutil.copymode(kept, beside)
    beside.replace(target)
    return kept


def _backups(path: Path) -> list[Path]:
    return [path.with_name(f"{path.name}.{number}.bak") for number in range(1, 10_000)]
