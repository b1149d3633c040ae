"""Sources that are tables of the business database: those of the sample shop, and of whoever names theirs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

from sqlalchemy import func, inspect, select
from sqlalchemy.orm import InstrumentedAttribute

from backdesk.kinds.export.rows import RowPage
from backdesk.kinds.export.sources import Key, Source, Type, register
from backdesk.platform.deployment import deployment
from backdesk.platform.tables import Table
from backdesk.shop.tables import LedgerEntry, Order, OrderLine, Product

_TYPES: dict[type, Type] = {bool: "boolean", int: "integer", float: "number", date: "date", datetime: "timestamp"}


def table_source(table: type[Table], key: InstrumentedAttribute[Any]) -> Source:
    """Return a source of the tenant's rows of a table, by a unique column; the tenant is none of its columns."""
    attributes = {each.key: getattr(table, each.key) for each in inspect(table).column_attrs if each.key != "tenant"}
    types = {name: _type_of(attribute) for name, attribute in attributes.items()}
    return Source(types, partial(_Rows, attributes, types, key))


@dataclass(frozen=True, slots=True)
class _Rows:
    attributes: Mapping[str, InstrumentedAttribute[Any]]
    types: Mapping[str, Type]
    key: InstrumentedAttribute[Any]
    tenant: str
    columns: Sequence[str]

    def count(self) -> int:
        with deployment().database.of(self.tenant).read() as session:
            return session.scalar(select(func.count(self.key))) or 0

    def pages(self, after: Key, size: int) -> Generator[RowPage]:
        types = {name: self.types[name] for name in self.columns}
        chosen = select(self.key, *(self.attributes[name] for name in self.columns)).order_by(self.key).limit(size)
        while True:
            with deployment().database.of(self.tenant).read() as session:
                rows = session.execute(chosen if after is None else chosen.where(self.key > after)).all()
            if not rows:
                return
            after = rows[-1][0]
            yield RowPage(types, [tuple(row)[1:] for row in rows], after)


def _type_of(attribute: InstrumentedAttribute[Any]) -> Type:
    return _TYPES.get(attribute.type.python_type, "text")


def _of_shop(table: type[Table], key: InstrumentedAttribute[Any]) -> Callable[[], Source]:
    return partial(table_source, table, key)


#: A query of the sample shop: what each customer has ordered.
CUSTOMER_TOTALS = """
SELECT c.id, c.tier, count(*) AS orders, sum(o.total_cents) AS total_cents, max(o.placed_on) AS last_order_on
FROM customers c JOIN orders o ON o.customer_id = c.id
GROUP BY c.id, c.tier
"""


def customer_totals() -> Source:
    """Return that query as a source."""
    from backdesk.kinds.export.query import query_source  # noqa: PLC0415 - of no use to a worker without exports

    return query_source(
        CUSTOMER_TOTALS,
        key="id",
        columns={
            "id": "text",
            "tier": "text",
            "orders": "integer",
            "total_cents": "integer",
            "last_order_on": "date",
        },
        tables={"customers": ("id", "tier"), "orders": ("customer_id", "total_cents", "placed_on")},
        tenant_column="tenant",
    )


def register_shop() -> None:
    """Make the tables of the sample shop sources, and a query of them."""
    register("customer_totals", customer_totals)
    for name, table, key in (
        ("orders", Order, Order.number),
        ("order_lines", OrderLine, OrderLine.id),
        ("ledger", LedgerEntry, LedgerEntry.id),
        ("products", Product, Product.id),
    ):
        register(name, _of_shop(table, key))
