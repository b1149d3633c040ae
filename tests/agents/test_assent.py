"""What a message says to a proposal by its words alone: strict, in many languages."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from backdesk.agents.proposals.assent import verdict_of

SAID: dict[str, list[str]] = tomllib.loads(Path(__file__).with_name("assent.toml").read_text("utf-8"))


@pytest.mark.parametrize("text", SAID["yes"])
def test_a_yes_with_nothing_but_courtesy_is_a_yes(text: str) -> None:
    assert verdict_of(text) == "confirm"


@pytest.mark.parametrize("text", SAID["no"])
def test_what_begins_with_a_no_is_a_no(text: str) -> None:
    assert verdict_of(text) == "decline"


@pytest.mark.parametrize("text", [*SAID["neither"], "", "  "])
def test_whatever_says_more_is_neither(text: str) -> None:
    assert verdict_of(text) == "other"
