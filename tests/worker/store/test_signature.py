"""What a script takes and answers: said by its header, used by name, and checked before Redis sees it."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import redis

from backdesk.worker.store.signature import COMMON, Signature, bind, read_signature

HEADER = """\
-- Paint: give things colours.
--
-- ARGV: brush, size_ms (of a stroke, or ''), then for each thing: name, colour (as
--   '#rrggbb')
-- Returns: code (1), count (of what was painted); or {0, reason} when there is no paint
-- Atomic. Idempotent.
"""
BODY = """
local painted = {ARGV.brush .. ARGV.size_ms .. ARGV.prefix}
for each in items(ARGV) do painted[#painted + 1] = ARGV[each].name .. '=' .. ARGV[each].colour end
return reply{
  code = 1,
  count = painted,
}
"""


class Thing(NamedTuple):
    colour: str
    name: str


def paint(body: str = BODY, header: str = HEADER) -> tuple[Signature, str]:
    signature = read_signature("paint", header + body)
    return signature, bind(signature, header + body)


def test_a_header_names_what_is_passed_once_and_of_each_item_and_what_is_answered() -> None:
    signature, _ = paint()
    assert (signature.once, signature.item) == (("brush", "size_ms"), ("name", "colour"))
    assert signature.answer == ("code", "count")


def test_names_reach_their_values_wherever_these_stand(client: redis.Redis) -> None:
    signature, text = paint()
    arguments = signature.arrange({"size_ms": 7, "brush": "b"}, [Thing("red", "door"), Thing("blue", "sky")])
    reply: Any = client.eval(text, 0, "desk", *[""] * (len(COMMON) - 1), *arguments)
    answer = signature.named(reply)
    assert (answer.code, answer.count) == (1, [b"b7desk", b"door=red", b"sky=blue"])


def test_names_cost_nothing_on_the_server() -> None:
    _, text = paint()
    assert "ARGV[6] .. ARGV[7] .. ARGV[1]" in text
    assert "for each = 8, #ARGV, 2 do" in text
    assert "ARGV[each] .. '=' .. ARGV[each + 1]" in text
    assert "return {1, painted}" in text


def test_an_item_of_one_value_is_that_value() -> None:
    signature = read_signature("drop", "-- ARGV: then for each job: id\n-- Returns: 1\n-- Atomic.\n")
    assert signature.arrange({}, ["a", "b"]) == ["a", "b"]


def test_an_included_file_takes_what_all_scripts_take() -> None:
    part = "-- Clock.\nlocal now = ARGV.now\n"
    assert bind(read_signature("clock", part), part).endswith("local now = ARGV[2]\n")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"brush": "b"}, "it lacks size_ms"),
        ({"brush": "b", "size_ms": 1, "tin": 1}, "it does not know tin"),
        ({"brush": "b", "size": 1}, "it lacks size_ms and it does not know size"),
    ],
)
def test_arguments_of_other_names_are_refused_with_what_is_wrong(arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(TypeError, match=f"paint.lua takes brush, size_ms: {why}"):
        paint()[0].arrange(arguments)


def test_an_item_without_a_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="name"):
        paint()[0].arrange({"brush": "b", "size_ms": 1}, [object()])


def test_an_answer_of_another_length_is_refused() -> None:
    with pytest.raises(TypeError, match="Expected 2 arguments"):
        paint()[0].named([1])


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("ARGV.brush", "ARGV.broom", "does not list ARGV.broom"),
        ("ARGV[each].colour", "ARGV[each].color", r"does not list ARGV\[each\].color"),
        ("ARGV.brush", "ARGV.colour", "does not list ARGV.colour"),
        ("ARGV.brush .. ", "", "does not use what its header lists: brush"),
        ("ARGV.brush", "ARGV[5] .. ARGV.brush", "by its number"),
        ("ARGV.brush", "unpack(ARGV) .. ARGV.brush", "the arguments as a whole"),
        ("  count = painted,\n", "", "it answers"),
        ("  code = 1,\n  count = painted,", "  count = painted,\n  code = 1,", "it answers"),
    ],
)
def test_a_text_that_contradicts_its_header_is_refused_when_it_is_read(old: str, new: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        paint(BODY.replace(old, new))


@pytest.mark.parametrize("listed", ["brush", "the size"])
def test_a_header_that_lists_what_is_no_name_of_its_own_is_refused(listed: str) -> None:
    with pytest.raises(ValueError, match=f"not a name of its own in the header: '{listed}'"):
        paint(header=HEADER.replace("size_ms", listed))


def test_a_script_that_answers_for_each_takes_one_of_them_by_keyword() -> None:
    signature, _ = paint(header=HEADER.replace("Returns: code", "Returns: for each of them: code"))
    assert signature.arrange({"name": "door", "brush": "b", "colour": "red", "size_ms": 7}) == ["b", 7, "door", "red"]
    assert signature.share == 2
    with pytest.raises(TypeError, match="lacks colour"):
        signature.arrange({"name": "door", "brush": "b", "size_ms": 7})
