"""JSON is kept small where that pays, and comes back as it was."""

from __future__ import annotations

import zlib

import pytest
from pydantic_core import to_json

from backdesk.worker.text.packing import LEAST, packed, unpacked

TURN = (
    b'{"job_id":"1","messages":[{"parts":[{"content":"hello","timestamp":"2026-11-30T04:34:43Z","part_kind":'
    b'"user-prompt"}],"instructions":null,"kind":"request","metadata":null,"state":"complete"}],"asked":false,'
    b'"facts":{"team":"support","agent":"refund","context":{}}}'
)
KEPT = (
    "78bb6b865b58436a15182a1151ab67a4e6e4e413aec30955de447992b0eb63496fc8001362695e0a5a73a616004a6857c8",
    "78bb1c7fe290436a15182a1151ab67a4e6e4e413aec30955de447992b0eb63496fc8001362695e0a5a73a616004a6857c8",
)
LONG = to_json([{"role": "user", "content": "where is my order?"}] * 50)


@pytest.mark.parametrize("json", [b"{}", b'"x"', b"0", b"[]", to_json("x" * LEAST), LONG])
def test_what_is_packed_comes_back_as_it_was(json: bytes) -> None:
    assert unpacked(packed(json)) == json


def test_long_json_takes_a_fraction() -> None:
    assert len(packed(LONG)) * 10 < len(LONG)


def test_short_json_is_kept_as_it_is() -> None:
    assert packed(b'{"n":1}') == b'{"n":1}'


def test_a_turn_of_a_conversation_takes_half_of_what_it_would_without_what_all_turns_say() -> None:
    assert len(packed(TURN)) * 2 < len(zlib.compress(TURN))


@pytest.mark.parametrize("kept", KEPT, ids=["by the first dictionary", "by the second"])
def test_what_was_kept_is_read_for_ever(kept: str) -> None:
    assert unpacked(bytes.fromhex(kept)) == TURN


def test_what_was_kept_without_a_dictionary_is_read() -> None:
    assert unpacked(zlib.compress(LONG)) == LONG


@pytest.mark.parametrize("damaged", [packed(LONG)[:-3], b"\x78\xbb" + packed(LONG)[8:]])
def test_what_is_damaged_is_refused(damaged: bytes) -> None:
    with pytest.raises(zlib.error):
        unpacked(damaged)
