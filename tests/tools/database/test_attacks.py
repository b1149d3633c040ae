"""What must not be seen is not seen, whatever the model asks: not others' rows, and not hidden columns."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backdesk.agents import Refusal
from backdesk.tools.database.source import Source
from tests.tools.database.conftest import DIALECTS, Ask

ATTACKS = tomllib.loads((Path(__file__).with_name("attacks.toml")).read_text("utf-8"))


def attacks(verdict: str, dialect: str) -> Iterator[str]:
    for which in ("both", dialect):
        for group in ATTACKS[verdict][which].values():
            yield from group


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_not_declared_or_does_more_than_read_is_refused(
    source: Callable[..., Source], ask: Ask, dialect: str
) -> None:
    answered = [sql for sql in attacks("refused", dialect) if not isinstance(ask(source(dialect), sql), Refusal)]
    assert answered == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_answers_are_the_same_whether_there_is_anything_to_hide_or_not(
    source: Callable[..., Source], ask: Ask, dialect: str
) -> None:
    for sql in [*attacks("harmless", dialect), *attacks("refused", dialect)]:
        told = ask(source(dialect), sql)
        assert told == ask(source(dialect, which="nothing"), sql), sql
        assert "777" not in str(told), sql
        if "SECRET" not in sql:
            assert "SECRET" not in told.model_dump_json(), sql


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_refusal_says_why(source: Callable[..., Source], ask: Ask, dialect: str) -> None:
    for sql in attacks("refused", dialect):
        told = ask(source(dialect), sql)
        assert isinstance(told, Refusal)
        assert len(told.refused) > 10
        assert "cannot be reached" not in told.refused, sql


def test_there_are_as_many_attacks_as_were_promised() -> None:
    for dialect in ("sqlite", "postgres"):
        assert len([*attacks("refused", dialect), *attacks("harmless", dialect)]) >= 150
