"""JSON is kept small where that pays, and comes back as it was."""

from __future__ import annotations

import pytest
from pydantic_core import to_json

from backdesk.worker.text.packing import LEAST, packed, unpacked

LONG = to_json([{"role": "user", "content": "where is my order?"}] * 50)


@pytest.mark.parametrize("json", [b"{}", b'"x"', b"0", b"[]", to_json("x" * LEAST), LONG])
def test_what_is_packed_comes_back_as_it_was(json: bytes) -> None:
    assert unpacked(packed(json)) == json


def test_long_json_takes_a_fraction() -> None:
    assert len(packed(LONG)) * 10 < len(LONG)


def test_short_json_is_kept_as_it_is() -> None:
    assert packed(b'{"n":1}') == b'{"n":1}'
