"""Lua scripts and typed calls of them.

A `Call` is a value: which script, which arguments, and how to read the answer. Building and reading are pure; only
`run`, `run_async` and the writer speak to Redis. That is what lets one set of transitions serve blocking, asyncio and
pipelined callers.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from operator import attrgetter
from typing import Any, Generic, TypeVar

import redis
import redis.asyncio
from redis.exceptions import NoScriptError

from backdesk.worker.store.linker import link
from backdesk.worker.store.lua_names import names_in_lua
from backdesk.worker.store.signature import Argument, Signature, bind, read_signature

T = TypeVar("T")

_INCLUDE = re.compile(r"^--!include (\w+)$", re.MULTILINE)
_WRITING = re.compile(r"redis\.call\('(?:[HSZ](?:SET|DEL|ADD|REM|INCRBY|POPMIN)|[LR]PUSH|SET|DEL|P?EXPIRE)")
_FUNCTION = re.compile(r"^--!function (\w+)$", re.MULTILINE)
#: What carries out calls of several scripts: it takes of each the number of its script, how many arguments, and these.
_IN_TURN = """
local run = {
FUNCTIONS}
local answers, at = {}, 1
while ARGV[at] do
  local own, last = {}, at + 1 + ARGV[at + 1]
  for each = at + 2, last do own[#own + 1] = ARGV[each] end
  local answer = run[tonumber(ARGV[at])](own)
  if answer == nil then answer = false end
  if type(answer) == 'table' and answer.err then return answer end
  answers[#answers + 1], at = answer, last + 1
end
return answers
"""


@dataclass(frozen=True, slots=True)
class Script:
    """A script with everything it includes, and what it takes."""

    name: str
    text: str
    signature: Signature = field(default=Signature("unnamed"), compare=False)
    sha: str = field(init=False)
    #: Whether it may change what is kept.
    writes: bool = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha", hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest())
        object.__setattr__(self, "writes", bool(_WRITING.search(self.text)))


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One call of a script, and how its answer reads. Every script of ours may be called twice without harm.

    Of the calls of one `chain` each may take effect only after the one before has: the writer never sends two of them
    together but as one script, because Redis may refuse one for want of memory and carry out the next.

    The last `share` arguments of a joint script are the call's own. Calls that are alike in all others can be made as
    one, with the shares of all; each reads its part of the answer as if that were the whole.
    """

    script: Script
    arguments: tuple[Argument, ...]
    read: Callable[[Any], T]
    chain: tuple[str, str] | None = None
    share: int = 0


#: The room whose scripts all others may include.
STORE = __name__.rpartition(".")[0]


def load_script(name: str, room: str = STORE) -> Script:
    """Read `lua/<name>.lua` of a room and, before it and each once, what it uses of what it includes of `lua/shared`.

    `--!function NAME` stands for a whole other script, as a function of its arguments: what that one does becomes part
    of one atomic step. Raises ValueError for a file that breaks the rules of `linker` or `signature`.
    """
    return linked(name, room)  # however it is called: a cache tells a default that is left out from one that is named


@cache
def linked(name: str, room: str) -> Script:
    """Return the script of that name, which is read once."""
    *parts, main = _parts(name, room, [])
    return Script(name, link(parts, main), read_signature(name, _source(name, room)))


def _parts(name: str, room: str, seen: list[str]) -> list[str]:
    if name in seen:
        return []
    seen.append(name)
    source = _source(name, room)
    included = [part for other in _INCLUDE.findall(source) for part in _parts(other, room, seen)]
    text = bind(read_signature(name, source), _INCLUDE.sub("", source))
    return [*included, _FUNCTION.sub(_as_function, text)]


def _source(name: str, room: str) -> str:
    if name == "keys":
        return names_in_lua()
    folders = [files(each) / folder for each in dict.fromkeys((room, STORE)) for folder in ("lua", "lua/shared")]
    places = [folder / f"{name}.lua" for folder in folders]
    place = next((each for each in places if each.is_file()), places[0])
    return place.read_text(encoding="utf-8")


def in_turn(calls: Sequence[Call[Any]]) -> tuple[Script, list[Argument]]:
    """Return a script that makes calls one after the other, and its arguments; it answers the answers of all.

    It ends where one comes to an error. Redis refuses a script for want of memory before it has written anything or not
    at all, so it refuses all of them or none. Which scripts there are makes a script of its own, not in which order or
    how often: Redis keeps each as long as it runs.
    """
    scripts = sorted({call.script for call in calls}, key=attrgetter("sha"))
    numbers = {script: number for number, script in enumerate(scripts, 1)}
    arguments: list[Argument] = []
    for call in calls:
        arguments += [numbers[call.script], len(call.arguments), *call.arguments]
    return _for_all(tuple(scripts)), arguments


@cache
def _for_all(scripts: tuple[Script, ...]) -> Script:
    functions = "".join(f"function(ARGV)\n{script.text}\nend,\n" for script in scripts)
    return Script("+".join(script.name for script in scripts), _IN_TURN.replace("FUNCTIONS", functions))


def _as_function(directive: re.Match[str]) -> str:
    return f"local function {directive[1]}(ARGV)\n{load_script(directive[1]).text}\nend"


def run(client: redis.Redis, call: Call[T]) -> T:
    """Make one call and wait for its answer."""
    try:
        return call.read(client.evalsha(call.script.sha, 0, *call.arguments))
    except NoScriptError:
        client.script_load(call.script.text)
        return call.read(client.evalsha(call.script.sha, 0, *call.arguments))


async def run_async(client: redis.asyncio.Redis, call: Call[T]) -> T:
    """Make one call from an event loop."""
    try:
        return call.read(await client.evalsha(call.script.sha, 0, *call.arguments))
    except NoScriptError:
        await client.script_load(call.script.text)
        return call.read(await client.evalsha(call.script.sha, 0, *call.arguments))


def run_pipelined(client: redis.Redis, calls: Sequence[Call[Any]]) -> list[Any]:
    """Make many calls in one round trip; the answer of each is its value, or the error that Redis gave for it."""
    with client.pipeline(transaction=False) as pipe:
        loaded = queue_calls(pipe, calls)
        return _read(calls, pipe.execute(raise_on_error=False)[loaded:])


def run_apart(client: redis.Redis, calls: Sequence[Call[Any]]) -> list[Any]:
    """Make calls of which none depends on another in one round trip; answers as `run_pipelined` does.

    Which of them comes first is not said: the scripts are loaded only if they are missing.
    """
    with client.pipeline(transaction=False) as pipe:
        for call in calls:
            pipe.evalsha(call.script.sha, 0, *call.arguments)
        replies = pipe.execute(raise_on_error=False)
    answers = dict(enumerate(_read(calls, replies)))
    missing = [number for number, answer in answers.items() if isinstance(answer, NoScriptError)]
    if missing:
        answers |= zip(missing, run_pipelined(client, [calls[number] for number in missing]), strict=True)
    return [*answers.values()]


async def run_pipelined_async(client: redis.asyncio.Redis, calls: Sequence[Call[Any]]) -> list[Any]:
    """Make many calls in one round trip from an event loop; answers as `run_pipelined` does."""
    async with client.pipeline(transaction=False) as pipe:
        loaded = queue_calls(pipe, calls)
        return _read(calls, (await pipe.execute(raise_on_error=False))[loaded:])


def _read(calls: Sequence[Call[Any]], answers: Sequence[Any]) -> list[Any]:
    return [
        answer if isinstance(answer, Exception) else call.read(answer)
        for call, answer in zip(calls, answers, strict=True)
    ]


def queue_calls(pipe: Any, calls: Sequence[Call[Any]]) -> int:
    """Put calls into a pipeline, their scripts ahead: loaded on demand they would take effect out of order.

    Gives how many answers come before those of the calls.
    """
    scripts = {call.script for call in calls}
    for script in scripts:
        pipe.script_load(script.text)
    for call in calls:
        pipe.evalsha(call.script.sha, 0, *call.arguments)
    return len(scripts)
