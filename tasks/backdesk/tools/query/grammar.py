"""What a query may say: one SELECT over the data sets, with functions that compute and none that reach out.

DuckDB's own tree of the statement is what is looked at, so that nothing is understood here otherwise than there. What
is allowed is listed; all else is refused, functions of later versions included.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backdesk.tools.query.order import INVALID, REFUSED, QueryFailed

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: What rows come from and are done with. Not among them: statements that write, as a WITH may hold, and others.
_NODES = {
    *("SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"),
    *("BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EMPTY", "EXPRESSION_LIST", "PIVOT", "SHOW_REF"),
    *("ORDER_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER"),
    *("ORDER_DEFAULT", "ASCENDING", "DESCENDING"),
}
_TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "json_each", "json_tree"})
_SHOWN, _ALL = {"DESCRIBE", "SUMMARY"}, "SHOW_SPECIAL"
#: A name of catalogues and schemas that a query may put before that of a data set.
_OWN = {"", "main", "memory"}
_PLAIN = re.compile(r"[\w ]+")


@cache
def functions() -> frozenset[str]:
    """Return the functions and aggregates that a query may call."""
    return frozenset(Path(__file__).with_name("functions.txt").read_text("utf-8").lower().splitlines())


def check(connection: DuckDBPyConnection, sql: str, tables: Collection[str], taken: Collection[str]) -> str:
    """Return the one statement of a text. Raises QueryFailed for what a query may not say.

    `tables` are the data sets, in lower case, and `taken` the names that DuckDB has of its own, which no CTE may take:
    outside of where it counts, the name would mean what DuckDB has.
    """
    statement = _one_statement(connection, sql)
    tree = _tree(connection, statement)
    known = set(tables)
    for node in _walk(tree):
        for entry in (node.get("cte_map") or {}).get("map", ()):
            known.add(_cte(entry["key"], taken))
    for node in _walk(tree):
        _check_node(node, known, tables)
    if not _lists(tree):
        return statement
    return f"SELECT name FROM ({statement}) WHERE NOT starts_with(name, '__')"  # noqa: S608 - it is SHOW TABLES


def _lists(tree: dict[str, Any]) -> bool:
    """Whether it shows the names of tables, among which is one of ours by then."""
    return any(node.get("show_type") == _ALL for node in _walk(tree))


def _one_statement(connection: DuckDBPyConnection, sql: str) -> str:
    import duckdb  # noqa: PLC0415 - as in all of this folder, in the process of a query alone

    try:
        found = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise QueryFailed(INVALID, str(error)) from None
    if len(found) != 1 or found[0].type is not duckdb.StatementType.SELECT:
        said = ", ".join(each.type.name for each in found[:5]) or "none"
        raise QueryFailed(REFUSED, f"a query is one SELECT statement; this is {said}")
    return str(found[0].query).rstrip().rstrip(";")


def _tree(connection: DuckDBPyConnection, statement: str) -> dict[str, Any]:
    row = connection.execute("SELECT json_serialize_sql(?)", [statement]).fetchone()
    tree: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
    if tree.get("error"):
        raise QueryFailed(REFUSED, f"a query is one SELECT statement: {tree.get('error_message', 'this is none')}")
    return tree


def _walk(found: Any) -> Iterator[dict[str, Any]]:
    stack = [found]
    while stack:
        match stack.pop():
            case dict() as node:
                yield node
                stack.extend(node.values())
            case list() as nodes:
                stack.extend(nodes)


def _cte(name: str, taken: Collection[str]) -> str:
    if not _PLAIN.fullmatch(name):  # outside of where it counts, DuckDB would look for a file of this name
        raise QueryFailed(REFUSED, f"{name!r} is no name for a part of a query: letters, digits, blanks and _ make one")
    if name.lower() in taken:
        raise QueryFailed(REFUSED, f"{name!r} is a name of DuckDB's own: call that part of the query something else")
    return name.lower()


def _check_node(node: dict[str, Any], known: Collection[str], tables: Collection[str]) -> None:
    kind = node.get("type")
    if isinstance(kind, str) and "class" not in node and kind not in _NODES:
        raise QueryFailed(REFUSED, f"a query only reads: {kind.lower()} is not allowed in it")
    if node.get("class") == "PARAMETER":
        raise QueryFailed(REFUSED, "a query has no parameters: write the values into it")
    if kind == "BASE_TABLE":
        _check_table(node, known, tables)
    elif kind == "SHOW_REF":
        _check_shown(node)
    elif kind == "TABLE_FUNCTION":
        _check_function(node["function"], _TABLE_FUNCTIONS, "read rows from")
    elif "function_name" in node:
        _check_function(node, functions() | _TABLE_FUNCTIONS, "call")


def _check_table(node: dict[str, Any], known: Collection[str], tables: Collection[str]) -> None:
    name, path = node["table_name"], {part.lower() for part in (node["catalog_name"], node["schema_name"])}
    if name.lower() in (known if path == {""} else tables) and path <= _OWN and not node.get("at_clause"):
        return
    listed = ", ".join(sorted(tables)) or "none"
    raise QueryFailed(REFUSED, f"there is no data set {name!r}; there are: {listed}")


def _check_shown(node: dict[str, Any]) -> None:
    """Let columns and figures of a query be shown, and the names of the data sets."""
    of_query = node["show_type"] in _SHOWN and node["query"] is not None
    of_all = node["show_type"] == _ALL and node["table_name"] == '"tables"'
    if not (of_query or of_all):
        raise QueryFailed(REFUSED, "SHOW TABLES, DESCRIBE and SUMMARIZE of a data set are all that is shown")


def _check_function(node: dict[str, Any], allowed: Collection[str], what: str) -> None:
    name = str(node["function_name"])
    # Of DuckDB's own schemas too: `system.main.f` is another way to the same function.
    if name.lower() not in allowed:
        raise QueryFailed(REFUSED, f"a query may not {what} {name!r}")
