"""What a database tool shows: tables and columns by the names that a model uses, and whose rows these are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from backdesk.worker.errors import ConfigurationError

#: Names that the guard gives; a query may not use them.
RESERVED = "backdesk_"
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
#: A column, and its type as the model is to read it: `total numeric(10, 2)`.
_COLUMN = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]{0,62})(?:\s+(?P<type>[A-Za-z][\w (),]{0,60}))?")

#: Tables to their columns, each with its type or without: `{"orders": ("number integer", "status")}`.
Tables = Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view of the database, as far as it is shown."""

    #: How it is called in the database; without a schema it is in the first one that there is.
    schema: str | None
    real_name: str
    #: Lower-case names, as the model uses them, to those of the database and to types ("" where none is declared).
    columns: Mapping[str, str]
    types: Mapping[str, str]
    #: Columns of the database to the parameter that a row must have there to be shown.
    filters: Mapping[str, str]

    @property
    def name(self) -> str:
        """What the model calls it."""
        return self.real_name.lower()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{name} {kind}'.rstrip() for name, kind in self.types.items())})"


class Catalog:
    """The declared tables, by name. Raises ConfigurationError for a declaration that says too little or is ambiguous.

    `tenant_column` and `customer_column` are those of all tables; a mapping says it for each that has one. Who is meant
    by them goes into a query as the parameters `tenant` and `customer`. Tables without a tenant are named as `shared`.
    """

    def __init__(
        self,
        tables: Tables,
        *,
        tenant_column: str | Mapping[str, str] | None,
        customer_column: str | Mapping[str, str] | None = None,
        shared: Collection[str] = (),
    ) -> None:
        if isinstance(shared, str) or not set(shared) <= set(tables):
            raise ConfigurationError(f"shared= names tables that are not declared: {shared}")
        self.tables: dict[str, Table] = {}
        for declared, columns in tables.items():
            filters: dict[str, str] = {}
            if declared not in shared:
                filters = dict(_filter("tenant", tenant_column, declared, required=True))
                filters |= dict(_filter("customer", customer_column, declared, required=False))
            table = _table(declared, columns, filters)
            if table.name in self.tables:
                raise ConfigurationError(f"two tables would be called {table.name!r}")
            self.tables[table.name] = table
        if not self.tables:
            raise ConfigurationError("a database tool needs a table")

    def __iter__(self) -> Iterator[Table]:
        return iter(self.tables.values())

    def __contains__(self, name: str) -> bool:
        return name in self.tables

    def __getitem__(self, name: str) -> Table:
        return self.tables[name]

    def __str__(self) -> str:
        return "; ".join(map(str, self))

    @property
    def needs_customer(self) -> bool:
        """Whether rows are shown only to a customer who is known."""
        return any("customer" in table.filters.values() for table in self)


def _filter(
    whose: str, column: str | Mapping[str, str] | None, table: str, *, required: bool
) -> Iterable[tuple[str, str]]:
    found = column.get(table) if isinstance(column, Mapping) else column
    if found is None:
        if required:
            raise ConfigurationError(
                f"nothing says whose the rows of {table!r} are: give tenant_column=, or name the table in shared= when "
                "every tenant may see all of it"
            )
        return ()
    if not _IDENTIFIER.fullmatch(found):
        raise ConfigurationError(f"{found!r} is no name of a column")
    return ((found, whose),)


def _table(declared: str, columns: Collection[str], filters: Mapping[str, str]) -> Table:
    schema, _, name = declared.rpartition(".")
    if not _IDENTIFIER.fullmatch(name) or (schema and not _IDENTIFIER.fullmatch(schema)):
        raise ConfigurationError(f"{declared!r} is no name of a table, such as 'orders' or 'sales.orders'")
    if name.lower().startswith(RESERVED):
        raise ConfigurationError(f"names that begin with {RESERVED!r} are the tool's own: {declared!r}")
    if isinstance(columns, str):
        raise ConfigurationError(f"the columns of {declared!r} are a sequence of names, not one text")
    names: dict[str, str] = {}
    types: dict[str, str] = {}
    for column in columns:
        match = _COLUMN.fullmatch(column)
        if match is None:
            raise ConfigurationError(f"{column!r} of {declared!r} must be a column, and its type: 'number integer'")
        shown = match["name"].lower()
        if shown in names or shown.startswith(RESERVED):
            raise ConfigurationError(f"{declared!r} has the column {shown!r} twice, or it is reserved")
        names[shown], types[shown] = match["name"], (match["type"] or "").strip()
    if not names:
        raise ConfigurationError(f"{declared!r} needs a column")
    return Table(schema or None, name, names, types, filters)
