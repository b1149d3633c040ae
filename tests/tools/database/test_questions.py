"""What a model may ask is answered as the database itself answers it for the tenant."""

from __future__ import annotations

import json
import sqlite3
import tomllib
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backdesk.agents import Refusal
from backdesk.tools.database.source import Source
from tests.tools.database.conftest import DIALECTS, Ask

QUESTIONS = tomllib.loads((Path(__file__).with_name("questions.toml")).read_text("utf-8"))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_questions_are_answered_as_by_the_database_itself(
    source: Callable[..., Source], ask: Ask, urls: Callable[..., str], dialect: str
) -> None:
    wrong = []
    for sql in [*QUESTIONS["both"], *QUESTIONS[dialect]]:
        told = ask(source(dialect), sql)
        if isinstance(told, Refusal) or told.more or told.rows != plainly(urls(dialect, "plain"), sql):
            wrong.append((sql, told))
    assert wrong == []


def plainly(url: str, sql: str) -> Any:
    """Ask a database with nothing to hide; return rows as JSON has them."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            rows: list[Any] = connection.execute(sql).fetchall()
    else:
        with psycopg.connect(url, options="-c timezone=UTC") as connection:
            rows = connection.execute(sql.encode()).fetchall()
    return json.loads(json.dumps([list(row) for row in rows], default=_plain))


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return int(value) if value == value.to_integral() else float(value)
        case date():
            return value.isoformat()
        case timedelta():
            return str(value)
    raise TypeError(type(value))


def test_there_are_as_many_questions_as_were_promised() -> None:
    assert len(QUESTIONS["both"]) >= 40
