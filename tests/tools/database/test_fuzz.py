"""Random queries, tried on real databases: none shows a row of another tenant, or a column that is hidden."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from backdesk.agents import Refusal
from backdesk.tools.database.result import Limits, QueryResult
from backdesk.tools.database.source import Source
from tests.tools.database.conftest import DIALECTS, Ask
from tests.tools.database.fuzz import Fuzz

Sources = Callable[..., Source]
#: What stands in rows and columns that must not be seen, and in nothing else.
_CANARY = re.compile(r"SECRET|777|2031-07")
#: A refusal has places in the text of the query.
_PLACE = re.compile(r"(Line:?|Col:) \d+")
LIMITS = Limits(1_000, 3)


def tried(source: Sources, ask: Ask, dialect: str, seed: int, count: int) -> int:
    """Ask so many queries, of a database with something to hide and one without; return how many were answered."""
    full, empty = (source(dialect, which=which, limits=LIMITS) for which in ("secrets", "nothing"))
    answered = 0
    for sql in Fuzz(seed, dialect).queries(count):
        told = ask(full, sql)
        assert not _CANARY.search(_PLACE.sub("", _said(told))), sql
        if isinstance(told, QueryResult):
            answered += 1
            again = ask(empty, sql)
            # Which rows come first is nobody's promise, so what is cut off is not compared.
            assert told.more or "LIMIT" in sql.upper() or _said(told) == _said(again), sql
    full.close()
    empty.close()
    return answered


def _said(told: QueryResult | Refusal) -> str:
    return told.refused if isinstance(told, Refusal) else f"{told.columns} {sorted(map(str, told.rows))} {told.more}"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_random_query_shows_what_must_not_be_seen(source: Sources, ask: Ask, dialect: str) -> None:
    assert tried(source, ask, dialect, seed=2026, count=80) >= 5


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(50))
@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_random_query_of_many_shows_what_must_not_be_seen(
    source: Sources, ask: Ask, dialect: str, seed: int
) -> None:
    assert tried(source, ask, dialect, seed, count=1_000) >= 20
