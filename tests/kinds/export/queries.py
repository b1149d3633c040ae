"""Queries to export, some of which never end. Loaded by BACKDESK_TASK_MODULES."""

from __future__ import annotations

from functools import partial

from backdesk.kinds.export import kind  # noqa: F401 - which exports them
from backdesk.kinds.export.query import query_source
from backdesk.kinds.export.sources import Source, register

ENDLESS = "SELECT a.n FROM numbers a, numbers b, numbers c, numbers d, numbers e, numbers f"


def numbers(dialect: str, sql: str) -> Source:
    return query_source(
        sql,
        key="n",
        columns={"n": "integer"},
        tables={"numbers": ("n",)},
        tenant_column="tenant",
        url=f"NUMBERS_{dialect.upper()}",
    )


for _dialect in ("sqlite", "postgres"):
    register(f"numbers_{_dialect}", partial(numbers, _dialect, "SELECT n FROM numbers"))
    register(f"endless_{_dialect}", partial(numbers, _dialect, ENDLESS))
