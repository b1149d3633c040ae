"""From a model's SQL to a statement that cannot show anything but the tenant's rows of declared columns.

What runs is written from the checked tree, never the model's text. Each table in it is a subquery with the filter; it
is fenced, so that no condition of the query is tried on rows which the filter takes out: an error would tell of them.
Tables are known by name alone, and no name of a WITH can be that of one. So whatever a condition, a join or a
set operation does, it has nothing else to work on.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.tokenizer_core import TokenType

from backdesk.tools.database.bounds import bound
from backdesk.tools.database.catalog import RESERVED, Catalog, Table
from backdesk.tools.database.refused import Refused
from backdesk.tools.database.vocabulary import check
from backdesk.tools.sql_parsing import TooDeep, parsed

_log = logging.getLogger(__name__)
# It would warn of each statement that it does not know, with its text.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)

#: Characters and parts of a query, tables that it may name, and columns that all its parts may have.
LONGEST, MOST_TOKENS, MOST_TABLES, MOST_COLUMNS = 8_000, 1_500, 20, 500
#: Open parentheses at once; each costs the parser some of its stack.
MOST_OPEN = 30
#: Nodes of a query in which what a SELECT calls a column of its own is written out wherever that is named.
MOST_NODES = 6_000

#: The schema in which tables are that are declared without one.
FIRST_SCHEMA: Mapping[str, str] = {"sqlite": "main", "postgres": "public"}
_HINT = "Texts stand in single quotes. The tables are:"
_CTE = f"{RESERVED}with_"
_ROWS = f"{RESERVED}rows"


@dataclass(frozen=True, slots=True)
class Guarded:
    """A statement that may run: with the names of its parameters, by their order, and of its columns."""

    sql: str
    parameters: tuple[str, ...]
    columns: tuple[str, ...]


def guard(sql: str, catalog: Catalog, dialect: str) -> Guarded:
    """Return what may run of a query in a dialect, `sqlite` or `postgres`; raises Refused with a reason. Pure."""
    try:
        return _guard(sql, catalog, dialect)
    except (SqlglotError, RecursionError, ValueError, KeyError, AttributeError, TypeError, IndexError) as error:
        if isinstance(error, Refused):
            raise
        if not isinstance(error, (SqlglotError, RecursionError)):
            _log.warning("query_not_understood", extra={"error": f"{type(error).__name__}: {error}"[:200]})
        raise Refused(_reason(error, catalog)) from None


def _guard(sql: str, catalog: Catalog, dialect: str) -> Guarded:
    tree = _parsed(sql, dialect)
    check(tree, dialect)
    tree = normalize_identifiers(tree, dialect=dialect)
    _check_tables(tree, catalog, dialect)
    _check_width(tree, catalog)
    if _size(tree, {}) > MOST_NODES:
        raise Refused("the query is nested too deeply: its columns are made of each other")
    schema: dict[str, object] = {table.name: dict.fromkeys(table.columns, "text") for table in catalog}
    tree = qualify(tree, dialect=dialect, schema=schema)
    check(tree, dialect)
    _check_resolved(tree, catalog)
    bound(tree, catalog.tables)
    _fence(tree, dialect)
    columns = tuple(tree.named_selects)  # type: ignore[attr-defined]  # it is a query
    narrowed, parameters = _narrowed(tree, catalog, dialect)
    written = narrowed.sql(dialect=dialect, identify=True, comments=False, unsupported_level=ErrorLevel.RAISE)
    _check_written(written, narrowed, dialect)
    return Guarded(written, parameters, columns)


def _parsed(sql: str, dialect: str) -> exp.Expr:
    if len(sql) > LONGEST:
        raise Refused(f"the query is longer than {LONGEST} characters")
    if "\0" in sql:
        raise Refused("the query has a character that SQL does not know")
    tokens, opened = sqlglot.tokenize(sql, dialect=dialect), 0
    if len(tokens) > MOST_TOKENS:
        raise Refused("the query is too long")
    for token in tokens:
        opened += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if token.token_type is TokenType.L_BRACKET:
            raise Refused("arrays are not allowed here")
        if opened > MOST_OPEN:
            raise Refused("the query is nested too deeply")
    try:
        trees = parsed(sql, dialect)
    except TooDeep:
        raise Refused("the query is nested too deeply") from None
    if len(trees) != 1 or not isinstance(trees[0], (exp.Select, exp.SetOperation)):
        raise Refused("write exactly one SELECT, without a semicolon in between")
    return trees[0]


def _check_tables(tree: exp.Expr, catalog: Catalog, dialect: str) -> None:
    made = {cte.alias for cte in tree.find_all(exp.CTE)}
    if taken := sorted(name for name in made if name in catalog):
        raise Refused(f"WITH {taken[0]} has the name of a table: choose another name")
    tables = list(tree.find_all(exp.Table))
    if len(tables) > MOST_TABLES:
        raise Refused(f"the query names more than {MOST_TABLES} tables")
    for table in tables:
        known = table.name in catalog and table.db in ("", catalog[table.name].schema or FIRST_SCHEMA[dialect])
        if not known and (table.db or table.name not in made):
            raise Refused(f"there is no table {table.name!r}; there are: {catalog}")
        if known and table.args.get("alias") and table.args["alias"].columns:
            raise Refused("rename columns by AS in the SELECT, not at the table")
        table.set("db", None)


def _check_resolved(tree: exp.Expr, catalog: Catalog) -> None:
    """Refuse columns that are of no table, unless they are what a SELECT around them calls one of its own.

    A database would look for them elsewhere: PostgreSQL among tables, as a whole row; SQLite takes them for texts.
    """
    if any(not isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star)):
        raise Refused("name columns: a whole row is no value")
    for column in tree.find_all(exp.Column):
        query = column.parent_select or column.find_ancestor(exp.SetOperation)
        if not column.table and (query is None or column.name not in query.named_selects):
            raise Refused(
                f"there is no column {column.name!r}. Texts stand in single quotes. The tables are: {catalog}"
            )


def _check_width(tree: exp.Expr, catalog: Catalog) -> None:
    """Refuse queries in which `*` comes to too many columns, before it is written out: it can double at each level."""
    widths: dict[int, int] = {}
    for scope in traverse_scope(tree):
        widths[id(scope)] = width = _width(scope, catalog, widths)
        if width > MOST_COLUMNS:
            raise Refused(f"the query has more than {MOST_COLUMNS} columns")


def _size(node: exp.Expr, made: Mapping[str, int]) -> int:
    """Return how large a part of a query will be; `made` are the sizes of what its SELECT has given names."""
    if isinstance(node, exp.Column) and not node.table:
        return made.get(node.name, 1)
    if not isinstance(node, exp.Select):
        return 1 + sum(_size(part, made) for part in node.iter_expressions())
    sizes: dict[str, int] = {}
    total = 1
    for column in node.expressions:
        size = _size(column, sizes)
        sizes[column.alias_or_name] = size
        total += size
    return total + sum(_size(part, sizes) for part in node.iter_expressions() if part.arg_key != "expressions")


def _width(scope: Scope, catalog: Catalog, widths: Mapping[int, int]) -> int:
    if not isinstance(scope.expression, exp.Select):
        return max((widths.get(id(part), 0) for part in scope.set_operation_scopes or ()), default=0)
    sources = {
        name: widths.get(id(source), 1) if isinstance(source, Scope) else _columns_of(source, catalog)
        for name, (_, source) in scope.selected_sources.items()
    }
    width = 0
    for column in scope.expression.expressions:
        if isinstance(column, exp.Star):
            width += sum(sources.values())
        elif isinstance(column, exp.Column) and isinstance(column.this, exp.Star):
            width += sources.get(column.table, 1)
        else:
            width += 1
    return width


def _columns_of(table: exp.Expr, catalog: Catalog) -> int:
    if table.name not in catalog:
        raise Refused(f"{table.name!r} is not defined where it is used")
    return len(catalog[table.name].columns)


def _narrowed(tree: exp.Expr, catalog: Catalog, dialect: str) -> tuple[exp.Expr, tuple[str, ...]]:
    """Replace each table by its rows that may be seen, and give what WITH defines names that no table has."""
    parameters: list[str] = []
    tables = list(tree.find_all(exp.Table))
    for cte in tree.find_all(exp.CTE):
        cte.args["alias"].set("this", exp.to_identifier(f"{_CTE}{cte.alias}", quoted=True))
    for table in tables:
        if table.name in catalog:
            rows = _rows(catalog[table.name], parameters, dialect)
            table.replace(exp.Subquery(this=rows, alias=table.args["alias"].copy()))
        else:
            table.set("this", exp.to_identifier(f"{_CTE}{table.name}", quoted=True))
    return tree, tuple(parameters)


def _fence(tree: exp.Expr, dialect: str) -> None:
    """Keep planners from taking the parts of a query apart.

    Where one part has an expression twice that another part makes, they would write that out twice: at ten levels of
    these for hours, which nothing interrupts, and without a bound of memory.
    """
    for part in list(tree.find_all(exp.CTE, exp.Subquery)):
        query = part.this.unnest()
        if isinstance(part.parent, (exp.From, exp.Join, exp.With)) and not query.args.get("offset"):
            query.set("offset", exp.Offset(expression=exp.Literal.number(0)))
            if dialect == "sqlite" and not query.args.get("limit"):
                query.set("limit", exp.Limit(expression=_without_limit()))


def _without_limit() -> exp.Expr:
    return exp.Neg(this=exp.Literal.number(1))


def _rows(table: Table, parameters: list[str], dialect: str) -> exp.Select:
    def column(name: str) -> exp.Column:
        return exp.column(exp.to_identifier(name, quoted=True), table=exp.to_identifier(_ROWS, quoted=True))

    shown = [exp.alias_(column(real), shown, quoted=True) for shown, real in table.columns.items()]
    source = exp.Table(
        this=exp.to_identifier(table.real_name, quoted=True),
        db=exp.to_identifier(table.schema or FIRST_SCHEMA[dialect], quoted=True),
        alias=exp.TableAlias(this=exp.to_identifier(_ROWS, quoted=True)),
    )
    rows = exp.select(*shown).from_(source)
    for name, parameter in table.filters.items():
        rows = rows.where(exp.EQ(this=column(name), expression=_parameter(parameter, parameters, dialect)))
    # Both planners take a subquery apart, unless it has a limit: then nothing of the query is evaluated within it.
    return rows.limit(_without_limit()) if dialect == "sqlite" else rows.offset(0)


def _parameter(name: str, parameters: list[str], dialect: str) -> exp.Expr:
    if name not in parameters:
        parameters.append(name)
    if dialect == "sqlite":
        return exp.Placeholder(this=name)
    return exp.Parameter(this=exp.Literal.number(parameters.index(name) + 1))


def _check_written(sql: str, meant: exp.Expr, dialect: str) -> None:
    """Raise Refused unless the statement, read again, is the tree that it was written from."""
    read = parsed(sql, dialect)
    if len(read) != 1 or read[0] is None or _outline(read[0]) != _outline(meant):
        raise Refused("the query cannot be written safely: ask in a simpler way")


def _outline(tree: exp.Expr) -> Counter[tuple[str, ...]]:
    """Return how often a tree has each table, parameter and kind of query."""
    kept = (exp.Table, exp.Select, exp.Placeholder, exp.Parameter, exp.CTE, exp.Subquery, exp.SetOperation)
    return Counter((type(node).__name__, node.name, node.text("db")) for node in tree.walk() if isinstance(node, kept))


def _reason(error: Exception, catalog: Catalog) -> str:
    if isinstance(error, RecursionError):
        return "the query is nested too deeply"
    if isinstance(error, SqlglotError):
        said = str(error).replace("\x1b[4m", "").replace("\x1b[0m", "").split("\n")[0][:300]
        return f"{said.rstrip('.')}. {_HINT} {catalog}"
    return "the query cannot be read: ask in a simpler way"
