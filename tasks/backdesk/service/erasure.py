"""Taking a customer out of the business database: one transaction, and again for the same it finds nothing.

It goes by the tables that the database has, not by those that this process has loaded: what a kind has written whose
code is not here, or no longer, is the customer's all the same. A row is theirs by its column `customer_id`, by its
conversation, or because it belongs to such a row. What books must keep stays, without them.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, MetaData, Table, and_, delete, false, func, insert, or_, select, tuple_, update
from sqlalchemy.orm import Session

from backdesk.platform.database import Database
from backdesk.service.erasure_contract import ErasedRows, EraseRequest

#: Who stands in the place of customers that were erased, in rows that must be kept.
ERASED = "erased"
#: Where the customer is named otherwise than by `customer_id`.
_COLUMNS = {"customers": "id", "sign_ins": "user_id"}
#: Kept, with another customer in place of the one: tax law wants the books whole.
_KEPT = ("orders",)
#: Free text in rows that are kept, by the table that these belong to.
_TEXTS = {"refunds": ("reason", "order_number", "orders", "number")}


def erase(database: Database, tenant: str, request: EraseRequest) -> ErasedRows:
    """Take a customer of a tenant out, or count what there is of them when it is a dry run. Atomic and idempotent."""
    rows = database.of_all_tenants()  # tables that no code here has say by no class whose their rows are
    with rows.read() if request.dry_run else rows.write() as session:
        return _Erasure(session, tenant, request).run()


class _Erasure:
    """One erasure: the tables as the database has them, and what in them is the customer's."""

    def __init__(self, session: Session, tenant: str, request: EraseRequest) -> None:
        self._session = session
        self._tenant = tenant
        self._request = request
        self._tables = MetaData()
        self._tables.reflect(session.connection())
        self._emails = self._addresses()

    def run(self) -> ErasedRows:
        anonymised = {table.name: self._anonymise(table) for table in self._kept()}
        tables = [table for table in reversed(self._tables.sorted_tables) if table.name not in _KEPT]
        deleted = {table.name: self._delete(table) for table in tables}
        return ErasedRows(deleted=_some(deleted), anonymised=_some(anonymised))

    def _kept(self) -> Iterator[Table]:
        return (self._tables.tables[name] for name in _KEPT if name in self._tables.tables)

    def _addresses(self) -> list[str]:
        customers = self._tables.tables.get("customers")
        if customers is None:
            return []
        found = self._session.scalars(select(customers.c.email).where(self._own(customers)))
        return [address.strip().lower() for address in found if address]

    def _own(self, table: Table) -> ColumnElement[bool]:
        """Say which rows name the customer, or a conversation of theirs."""
        name = _COLUMNS.get(table.name, "customer_id")
        named: list[ColumnElement[bool]] = []
        if name in table.c:
            named.append(table.c[name] == self._request.customer_id)
        if "conversation_id" in table.c and self._request.conversations:
            named.append(table.c.conversation_id.in_(self._request.conversations))
        if table.name == "sign_in_codes":
            named.append(table.c.address.in_(self._emails))
        if table.name == "carts":
            talks = [f"conversation/{each}" for each in self._request.conversations]
            named.append(table.c.owner.in_([f"customer/{self._request.customer_id}", *talks]))
        theirs = or_(*named) if named else false()
        return and_(theirs, table.c.tenant == self._tenant) if "tenant" in table.c else theirs

    def _doomed(self, table: Table, above: frozenset[str] = frozenset()) -> ColumnElement[bool]:
        """Say which rows go: the customer's own, and those that belong to rows that go."""
        parts = [self._own(table)]
        for key in table.foreign_key_constraints:
            parent = key.referred_table
            if parent.name in {*_KEPT, "customers", *above} or parent.name == table.name:
                continue
            columns = [element.parent for element in key.elements]
            referred = [element.column for element in key.elements]
            rows = select(*referred).where(self._doomed(parent, above | {table.name}))
            parts.append(tuple_(*columns).in_(rows))
        return or_(*parts)

    def _delete(self, table: Table) -> int:
        doomed = self._doomed(table)
        if self._request.dry_run:
            return self._count(table, doomed)
        return self._session.connection().execute(delete(table).where(doomed)).rowcount

    def _anonymise(self, table: Table) -> int:
        own = self._own(table)
        if self._request.dry_run:
            return self._count(table, own)
        for name, (text, column, of, referred) in _TEXTS.items():
            if of == table.name and (texts := self._tables.tables.get(name)) is not None:
                rows = select(table.c[referred]).where(own)
                self._session.execute(update(texts).where(texts.c[column].in_(rows)).values({text: ""}))
        if self._count(table, own):
            self._stand_in()
        changed = update(table).where(own).values(customer_id=ERASED)
        return self._session.connection().execute(changed).rowcount

    def _stand_in(self) -> None:
        """See to it that there is somebody to stand in the customer's place, who has nothing of theirs."""
        customers = self._tables.tables["customers"]
        of_tenant = customers.c.tenant == self._tenant if "tenant" in customers.c else customers.c.id.is_not(None)
        if self._count(customers, and_(customers.c.id == ERASED, of_tenant)):
            return
        row = self._session.execute(select(customers).where(self._own(customers))).mappings().one_or_none()
        if row is not None:
            nobody = {"id": ERASED, "name": "", "email": "", "tier": "basic"}
            self._session.execute(insert(customers).values({**row, **nobody}))

    def _count(self, table: Table, which: ColumnElement[bool]) -> int:
        return self._session.scalar(select(func.count()).select_from(table).where(which)) or 0


def _some(counts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in sorted(counts.items()) if count > 0}
