"""The names of `Keys` as scripts build them: functions and locals of Lua, written from the class."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from backdesk.worker.store.keys import CHANNELS, Keys, named

#: Stands for an argument, 1 to 9, in a name that is taken apart.
_PLACE = re.compile("([\x01-\x09])")


def names_in_lua() -> str:
    """Return the text by which a script builds these names: `job_key(id)`, `leases_key`, `progress_channel(id)`.

    It begins with `local prefix`, which is read from the arguments that all scripts have in common.
    """
    return "local prefix = ARGV.prefix\n" + "".join(_in_lua(*member) for member in _members())


def _members() -> Iterator[tuple[str, str, list[str]]]:
    """The name of each member in Lua, the name of a key with its arguments by number, and what they are called."""
    keys = Keys("\0")
    for name, member in named().items():
        lua = f"{name}_channel" if name in CHANNELS else f"{name}_key"
        if isinstance(member, property):
            yield lua, getattr(keys, name), []
        else:
            arguments = list(inspect.signature(member).parameters)[1:]
            yield lua, member(keys, *map(chr, range(1, len(arguments) + 1))), arguments


def _in_lua(name: str, key: str, arguments: list[str]) -> str:
    parts = filter(None, _PLACE.split(key.removeprefix("\0")))
    built = " .. ".join(["prefix", *(arguments[ord(p) - 1] if _PLACE.match(p) else f"'{p}'" for p in parts)])
    if not arguments:
        return f"local {name} = {built}\n"
    return f"local function {name}({', '.join(arguments)}) return {built} end\n"
