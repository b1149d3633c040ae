"""What clients of MCP and A2A are told of recorded jobs stays what it was."""

from __future__ import annotations

import pytest

from tests.gateway.golden import a2a, mcp
from tests.gateway.golden.record import HERE, NAMES


@pytest.mark.parametrize("name", NAMES)
def test_clients_of_a2a_are_told_what_they_were(name: str) -> None:
    assert a2a.written(name) == (HERE / f"{name}.a2a.jsonl").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_clients_of_mcp_are_told_what_they_were(name: str) -> None:
    assert mcp.written(name) == (HERE / f"{name}.mcp.jsonl").read_text()


def test_the_pieces_of_the_answer_are_in_the_end_the_answer() -> None:
    text = ""
    *frames, task = a2a.told("job")
    for _, frame in frames:
        if frame.get("artifact", {}).get("artifactId") == "answer":
            piece = frame["artifact"]["parts"][0].get("text", "")
            text = text + piece if frame.get("append") else piece
    assert text == task["artifacts"][0]["parts"][0]["text"]
