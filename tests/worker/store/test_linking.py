"""Linking: a script is what it uses of the files that it includes, as fields of one table, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from typing import TypeVar

import pytest
import redis

from backdesk.worker.model.job import Claim, Succeeded, Usage
from backdesk.worker.store.jobs import SubmitCode
from backdesk.worker.store.linker import link
from backdesk.worker.store.scripts import Call, Script, load_script
from tests.support.board import Board

T = TypeVar("T")

SCRIPTS = sorted(
    (entry.name.removesuffix(".lua"), room)
    for room in ("backdesk.worker.store", "backdesk.worker.memory")
    for folder in ("lua", "lua/shared")
    for entry in (files(room) / folder).iterdir()
    if entry.name.endswith(".lua")
)


def result(client: redis.Redis, parts: list[str], main: str) -> object:
    return client.eval(link(parts, main), 0)


@pytest.mark.parametrize(("name", "room"), SCRIPTS)
def test_every_script_compiles(client: redis.Redis, name: str, room: str) -> None:
    assert client.script_load(load_script(name, room).text)


def test_a_script_that_includes_nothing_stays_as_it_is() -> None:
    assert link([], "return 1\n") == "return 1\n"


def test_what_is_not_used_is_left_out(client: redis.Redis) -> None:
    part = "local function used() return 1 end\nlocal function unused() return used() end\nlocal OTHER = 2\n"
    text = link([part], "return used()\n")
    assert "unused" not in text
    assert "OTHER" not in text
    assert client.eval(text, 0) == 1


def test_what_is_used_only_by_what_is_used_is_kept_in_its_order(client: redis.Redis) -> None:
    parts = [
        "local ONE = 1\n",
        "local function two() return ONE + 1 end\n",
        "local function six() return two() * 3 end\n",
    ]
    assert result(client, parts, "return six()\n") == 6


def test_functions_may_call_each_other_when_one_is_declared_ahead(client: redis.Redis) -> None:
    part = (
        "local even\nlocal function odd(n)\n  if n == 0 then return 0 end\n  return even(n - 1)\nend\n"
        "even = function(n)\n  if n == 0 then return 1 end\n  return odd(n - 1)\nend\n"
    )
    assert result(client, [part], "return even(10)\n") == 1


def test_several_names_of_one_statement_are_defined_together(client: redis.Redis) -> None:
    assert result(client, ["local a, b = 3, 4\n"], "b = b + 1\nreturn a * b\n") == 15


def test_text_in_quotes_and_fields_are_not_renamed(client: redis.Redis) -> None:
    main = "local job = {}\njob.total = total\nreturn {'total', \"total 'total'\", 'it\\'s total', job.total}\n"
    assert result(client, ["local total = 7\n"], main) == [b"total", b"total 'total'", b"it's total", 7]


def test_comments_are_left_out(client: redis.Redis) -> None:
    text = link(["-- One is unused.\nlocal one = 1 -- yes\n"], "-- one\nreturn one\n")
    assert "--" not in text
    assert client.eval(text, 0) == 1


@pytest.mark.parametrize(
    "main",
    [
        "local total = 1\nreturn total\n",
        "local a, total = 1, 2\nreturn total\n",
        "local function f(total) return total end\nreturn f(1)\n",
        "local f = function(a, total) return total end\nreturn f(1, 2)\n",
        "for _, total in ipairs({1}) do return total end\n",
        "for total = 1, 2 do return total end\n",
        "return {total = 1}\n",
        "local function total() return 1 end\nreturn total()\n",
    ],
)
def test_a_name_that_is_used_for_something_else_is_refused_by_name(main: str) -> None:
    with pytest.raises(ValueError, match="total"):
        link(["local total = 7\n"], main)


@pytest.mark.parametrize("part", ["return 1\n", "redis.call('PING')\n", "if true then return end\n"])
def test_an_included_file_may_only_define_things(part: str) -> None:
    with pytest.raises(ValueError, match="may only define things"):
        link([part], "return 1\n")


def test_two_definitions_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="total"):
        link(["local total = 1\n", "local total = 2\n"], "return total\n")


RARE = "local function usual() return 'usual' end\n--!rare\nlocal function rare() return SMALL[1] .. usual() end\n"


def test_a_rare_function_and_what_it_alone_uses_are_made_when_a_call_comes_to_it(client: redis.Redis) -> None:
    parts = ["local SMALL = {'un'}\n", RARE]
    main = "if ARGV[1] == 'rare' then return {rare(), rare()} end\n"
    main += "return {rawget(our, 'SMALL') and 'there' or 'none', usual()}\n"
    text = link(parts, main)
    assert client.eval(text, 0, "rare") == [b"unusual", b"unusual"]
    assert client.eval(text, 0, "usual") == [b"none", b"usual"]


def test_what_a_usual_function_uses_is_there_before_a_rare_one_changes_it(client: redis.Redis) -> None:
    parts = [
        "local seen = {}\nlocal function look() return #seen end\n",
        "--!rare\nlocal function see() seen[#seen + 1] = 1 end\n",
    ]
    assert result(client, parts, "see()\nsee()\nreturn look()\n") == 2


@pytest.mark.parametrize("part", ["--!rare\nlocal SMALL = 1\n", "--!rare\n\nlocal function f() return 1 end\n"])
def test_only_a_function_is_called_rare_in_the_line_before_it(part: str) -> None:
    with pytest.raises(ValueError, match="rare"):
        link([part], "return 1\n")


def test_a_usual_job_comes_to_no_rare_function(board: Board) -> None:
    def strictly(call: Call[T]) -> T:
        text = call.script.text.replace("our.define_the_rest()\n  return", "error('came to ' .. name)\n  return")
        assert text != call.script.text
        return board.run(replace(call, script=Script(call.script.name, text, call.script.signature)))

    board.announce(agents=2)
    jobs = [board.job(tenant=tenant) for tenant in ("acme", "acme", "globex", "initech", "acme")]
    assert [code for code, _ in strictly(board.transitions.submit(jobs))] == [SubmitCode.CREATED] * 5
    for _ in jobs:
        claim = strictly(board.transitions.claim(board.take_delivery() or "", "worker-1", "token"))
        assert isinstance(claim, Claim)
        assert strictly(board.transitions.end(claim, Succeeded(b"{}"), Usage()))


@pytest.mark.parametrize(
    ("parts", "main", "there", "gone"),
    [
        ("local function key(id) return 'job:' .. id end\n", "return key('a' .. (1 + 1))\n", b"job:a2", "function"),
        ("local ONE = 1\nlocal NAME = '.ONE'\n", "return ONE .. NAME\n", b"1.ONE", "local our"),
        (
            "local function f(a, b) return a .. b end\n",
            "return f('x, (', tostring({1, 2} ~= nil))\n",
            b"x, (true",
            "our.f",
        ),
        ("local function g(a) return a .. '!' end\n", "return g(g(g('')))\n", b"!!!", "our.g"),
        (
            "local P = 'p'\nlocal function k(a) return P .. a end\nlocal q = k('1') .. k('2')\n",
            "return q\n",
            b"p1p2",
            "our.k",
        ),
        ("local n = 1\nlocal function up() n = n + 1 end\n", "up()\nup()\nreturn n .. ''\n", b"3", "our.none"),
        ("local function none() return 'n' end\n", "return none() .. none()\n", b"nn", "our.none"),
    ],
)
def test_constants_and_functions_of_one_expression_stand_where_they_are_used(
    client: redis.Redis, parts: str, main: str, there: bytes, gone: str
) -> None:
    text = link([parts], main)
    assert gone not in text
    assert client.eval(text, 0) == there


@pytest.mark.parametrize(
    ("part", "main", "there"),
    [
        (
            "local function twice(a) return a .. a end\n",
            "local n = 0\nlocal function next_one() n = n + 1 return n end\nreturn twice(next_one())\n",
            b"11",
        ),
        (
            "local function pick(a, b) return a or b end\n",
            "local n = 0\nlocal function touch() n = 1 return 1 end\npick(1, touch())\nreturn tostring(n)\n",
            b"1",
        ),
        (
            "local function key(id) return 'job:' .. id end\n",
            "local all = {}\nfor _, of in ipairs({key}) do all[1] = of('a') end\nreturn all[1]\n",
            b"job:a",
        ),
        ("local function pair() return 'a', 'b' end\n", "local _, second = pair()\nreturn second\n", b"b"),
    ],
)
def test_a_function_whose_calls_would_mean_something_else_stays_one(
    client: redis.Redis, part: str, main: str, there: bytes
) -> None:
    text = link([part], main)
    assert "function our." in text
    assert client.eval(text, 0) == there
