"""Bounds of what a query searches in texts: a search goes by the product of two lengths, and nothing interrupts one.

Neither the time-out of PostgreSQL nor the handler of SQLite is asked before it is done, and a query can make texts of
any length. So it searches no more than a beginning of what it has made. What stands in a column is searched whole.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlglot import exp

#: Characters of a text that was made by the query in which is searched, and of one by which.
MOST_SEARCHED, MOST_SOUGHT = 100_000, 1_000

#: What searches: in which of its parts, and by which.
_SEARCHES: Mapping[type[Any], tuple[str, tuple[str, ...]]] = {
    exp.StrPosition: ("this", ("substr",)),
    exp.Replace: ("this", ("expression", "replacement")),
    exp.SplitPart: ("this", ("delimiter",)),
    exp.Trim: ("this", ("expression",)),
    **dict.fromkeys((exp.Like, exp.ILike, exp.Glob, exp.SimilarTo), ("this", ("expression",))),
    **dict.fromkeys((exp.RegexpLike, exp.RegexpILike), ("this", ("expression",))),
}


def bound(tree: exp.Expr, tables: Collection[str]) -> None:
    """Have each search of a query, which names its columns by tables, see a beginning of what is not in `tables`."""
    stored = _stored(tree, tables)
    for node in list(tree.find_all(*_SEARCHES)):
        within, by = _SEARCHES[type(node)]
        for name, most in ((within, MOST_SEARCHED), *((each, MOST_SOUGHT) for each in by)):
            part = node.args.get(name)
            if part is not None and not _is_short(part, stored):
                node.set(name, _beginning(part, most))


def _stored(tree: exp.Expr, tables: Collection[str]) -> set[str]:
    """Return the names by which nothing but tables of the database are known, wherever they stand in the query."""
    known = {table.alias_or_name for table in tree.find_all(exp.Table) if table.name in tables}
    others = {table.alias_or_name for table in tree.find_all(exp.Table) if table.name not in tables}
    return known - others - {query.alias for query in tree.find_all(exp.Subquery)}


def _is_short(part: exp.Expr, stored: Collection[str]) -> bool:
    if isinstance(part, exp.Column):
        return part.table in stored
    # A pattern for each of several rows is no text by itself.
    return isinstance(part, (exp.Literal, exp.Null, exp.Any, exp.All))


def _beginning(text: exp.Expr, most: int) -> exp.Expr:
    return exp.Substring(this=text, start=exp.Literal.number(1), length=exp.Literal.number(most))
