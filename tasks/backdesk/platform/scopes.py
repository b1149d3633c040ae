"""Whose rows a session sees and writes: those of a tenant, or of one of its customers.

The condition is added to every statement of a session, so that none can lack it, and rows of another tenant or customer
cannot be written. A statement to which no condition could be added, such as plain SQL, is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, event, inspect
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction, with_loader_criteria
from sqlalchemy.orm.util import LoaderCriteriaOption

from backdesk.platform.tables import OfCustomer, OfTenant

#: The customer of a session for somebody who is not identified; no customer has this id.
NOBODY = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """A tenant, and of its customers all (None), one, or none of them (NOBODY)."""

    tenant: str
    customer: str | None = None

    def serves(self, customer: str | None) -> bool:
        """Whether rows of this customer are in it; those that name none are of whatever they are a part of."""
        return self.customer is None or customer in (None, self.customer)


class ScopedSession(Session):
    """A session that sees and writes what belongs to its scope. Raises PermissionError for all else."""

    def __init__(self, bind: Engine | Connection, scope: Scope) -> None:
        super().__init__(bind)
        self.scope = scope


@lru_cache(maxsize=512)
def _criteria(scope: Scope) -> tuple[LoaderCriteriaOption, ...]:
    tenant, customer = scope.tenant, scope.customer
    theirs = with_loader_criteria(OfTenant, lambda table: table.tenant == tenant, include_aliases=True)
    if customer is None:
        return (theirs,)
    return theirs, with_loader_criteria(OfCustomer, lambda table: table.customer_id == customer, include_aliases=True)


@event.listens_for(ScopedSession, "do_orm_execute")
def _narrow(state: ORMExecuteState) -> None:
    session: Any = state.session
    if state.is_insert and state.is_orm_statement:
        _insert_own(state, session.scope)
    elif state.is_orm_statement and (state.is_select or state.is_update or state.is_delete):
        state.statement = state.statement.options(*_criteria(session.scope))
    else:
        raise PermissionError("a statement that names no mapped class could reach other tenants' rows")


def _insert_own(state: ORMExecuteState, scope: Scope) -> None:
    given = state.parameters or {}
    rows = [given] if isinstance(given, Mapping) else given
    if scope.customer is not None or any(row.get("tenant", scope.tenant) != scope.tenant for row in rows):
        raise PermissionError("rows of a customer, or of another tenant, are not inserted by a statement")
    state.statement = state.statement.values(tenant=scope.tenant)  # type: ignore[attr-defined] # it is an Insert


@event.listens_for(ScopedSession, "before_flush")
def _write_own(session: Any, _context: UOWTransaction, _instances: Any) -> None:
    scope: Scope = session.scope
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, OfTenant) and "tenant" in inspect(type(row)).columns:
            row.tenant = row.tenant or scope.tenant
            if row.tenant != scope.tenant:
                raise PermissionError("a row of another tenant")
        if isinstance(row, OfCustomer) and not scope.serves(row.claimed_by()):
            raise PermissionError("a row of another customer")
