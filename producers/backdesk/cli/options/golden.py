"""Golden conversations as files of YAML have them: what holds for all of a file, and each conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from backdesk.cli.options.attachments import FIELD
from backdesk.worker.errors import InvalidRequest

#: The package with the conversations that are shipped, and their folder in it.
_SHIPPED, _FOLDER = "backdesk.kinds", "evals/conversations"
#: What a file says once for all of its conversations.
_SHARED = ("kind", "language", "fields", "tags")
#: What a turn has that comes with its message: a file, or several, by their paths beside the YAML.
ATTACH = "attach"


def read_golden(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Return the conversations of files and folders, those that are shipped if none is named; each with its `name`.

    What a turn has to `attach` are paths that lead from here. Raises InvalidRequest that names the file, and the place
    in it, for what cannot be read, is no conversation, or has the name of another.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in paths or [Path(str(files(_SHIPPED))) / _FOLDER]:
        for file in _files(path):
            for conversation in _conversations(file):
                name = str(conversation.get("name", ""))
                if name in found:
                    raise InvalidRequest("path", f"{file}: there are two conversations of the name {name!r}")
                found[name] = conversation
    if not found:
        raise InvalidRequest("path", "there are no conversations; docs/evals.md shows how one is written")
    return list(found.values())


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise InvalidRequest("path", f"{path} is no file and no folder")
    return sorted(path.rglob("*.yaml")) if path.is_dir() else [path]


def _conversations(file: Path) -> Iterator[dict[str, Any]]:
    try:
        document = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InvalidRequest("path", f"{file} cannot be read: {error}") from None
    if not isinstance(document, dict) or not isinstance(listed := document.get("conversations"), list):
        raise InvalidRequest("path", f"{file}: the key `conversations` must list conversations")
    if unknown := sorted(set(document) - {*_SHARED, "conversations"}):
        raise InvalidRequest("path", f"{file}: {unknown[0]!r} is none of {', '.join(_SHARED)}, conversations")
    for number, each in enumerate(listed, 1):
        if not isinstance(each, dict) or not each.get("name"):
            raise InvalidRequest("path", f"{file}: conversation {number} has no name")
        merged = _merged(document, each)
        for turn in merged["turns"]:
            if ATTACH in turn:
                turn[ATTACH] = _beside(file, merged["name"], turn[ATTACH])
        yield merged


def with_files(conversation: dict[str, Any], attach: Callable[[Sequence[str]], list[dict[str, Any]]]) -> dict[str, Any]:
    """Return a conversation as its job takes it: with files attached, which the requests of the turns name."""
    turns = [_attached(turn, attach) if ATTACH in turn else turn for turn in conversation["turns"]]
    return {**conversation, "turns": turns}


def _attached(turn: dict[str, Any], attach: Callable[[Sequence[str]], list[dict[str, Any]]]) -> dict[str, Any]:
    kept = {name: value for name, value in turn.items() if name != ATTACH}
    return {**kept, "fields": {**turn.get("fields", {}), FIELD: attach(turn[ATTACH])}}


def _beside(file: Path, name: str, paths: Any) -> list[str]:
    listed = paths if isinstance(paths, list) else [paths]
    for each in listed:
        if not (isinstance(each, str) and (file.parent / each).is_file()):
            raise InvalidRequest("path", f"{file}: {name!r} attaches {each}, and there is no such file beside it")
    return [str(file.parent / each) for each in listed]


def _merged(shared: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    given = {name: shared[name] for name in _SHARED if name in shared}
    fields = {**given.get("fields", {}), **own.get("fields", {})}
    tags = [*given.get("tags", ()), *own.get("tags", ())]
    turns = [{"say": turn} if isinstance(turn, str) else turn for turn in own.get("turns", ())]
    return {**given, **own, "fields": fields, "tags": tags, "turns": turns}
