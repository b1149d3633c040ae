"""The kind `orders.audit`: whether the ledger of payments agrees with the orders.

It reads a chunk of orders and all ledger entries of that range of numbers in one transaction, so that a
refund made meanwhile is seen with its entry or not at all. Where it is and what it has found so far is kept every
second: an audit that is cut off goes on from there, with the same numbers in the end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date

from pydantic import BaseModel
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, joinedload

from backdesk.kinds.audit.contract import LedgerAuditRequest, LedgerAuditResult
from backdesk.kinds.audit.pace import Pace
from backdesk.platform.database import ScopedDatabase
from backdesk.platform.deployment import deployment
from backdesk.shop.reconciliation import Discrepancy, Entry, OrderFacts, reconcile
from backdesk.shop.tables import LedgerEntry, Order
from backdesk.worker.attempt.context import BlockingContext
from backdesk.worker.attempt.task import task

#: At most twenty progress events a second.
REPORT_EVERY_S = 0.05
#: What an audit that is cut off has to do again, at most.
KEEP_EVERY_S = 1.0


@task("orders.audit", queue="tools")
def audit_orders(ctx: BlockingContext, request: LedgerAuditRequest) -> LedgerAuditResult:
    """Reconcile the ledger of payments with the orders and list what does not agree."""
    database, report, keep = deployment().database.of(ctx.tenant), Pace(REPORT_EVERY_S), Pace(KEEP_EVERY_S)
    total = count_entries(database, request.since)
    tally = Tally.model_validate(ctx.restored or {})
    began = time.monotonic() - tally.elapsed_s
    ctx.progress(tally.share_of(total), f"{total} ledger entries to check", rows=tally.rows, total=total)
    for orders, entries in chunks(database, request.since, request.orders_per_chunk, tally.upto):
        tally.add(orders, entries)
        tally.elapsed_s = time.monotonic() - began
        if report.due():
            _report(ctx, tally, total)
        if keep.due() or ctx.draining:
            ctx.checkpoint(tally)
        if request.pause_ms_per_chunk:
            time.sleep(request.pause_ms_per_chunk / 1000)
    _report(ctx, tally, tally.rows)
    return tally.result(request.max_listed, time.monotonic() - began)


class Tally(BaseModel):
    """What the audit has seen so far."""

    #: All up to this order is seen.
    upto: int = -1
    rows: int = 0
    orders: int = 0
    cents: dict[str, int] = {"payment": 0, "refund": 0, "fee": 0}
    discrepancies: list[Discrepancy] = []
    elapsed_s: float = 0

    def add(self, orders: list[OrderFacts], entries: list[Entry]) -> None:
        """Check one chunk."""
        self.rows += len(entries)
        self.orders += len(orders)
        # The last chunk has entries beyond the last order.
        numbers = [*(order.number for order in orders), *(entry.order_number for entry in entries)]
        self.upto = max(numbers, default=self.upto)
        for entry in entries:
            self.cents[entry.kind] += entry.amount_cents
        self.discrepancies += reconcile(orders, entries)

    def share_of(self, total: int) -> float:
        """Return how far the audit is; entries that came in since they were counted do not show as more than all."""
        return min(1.0, self.rows / total) if total else 1.0

    def result(self, max_listed: int, elapsed_s: float) -> LedgerAuditResult:
        """Put together what the caller gets."""
        return LedgerAuditResult(
            ledger_rows=self.rows,
            orders_checked=self.orders,
            discrepancies=self.discrepancies[:max_listed],
            discrepancies_total=len(self.discrepancies),
            payments_cents=self.cents["payment"],
            refunds_cents=self.cents["refund"],
            fees_cents=self.cents["fee"],
            elapsed_seconds=round(elapsed_s, 3),
        )


def _report(ctx: BlockingContext, tally: Tally, total: int) -> None:
    found = len(tally.discrepancies)
    message = f"{tally.rows} of {max(total, tally.rows)} entries checked, {found} discrepancies"
    ctx.progress(tally.share_of(total), message, rows=tally.rows, discrepancies=found)


def count_entries(database: ScopedDatabase, since: date | None) -> int:
    """Return how many ledger entries an audit will read, as of now."""
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(LedgerEntry).where(_concerned(since))) or 0


def chunks(
    database: ScopedDatabase, since: date | None, size: int, after: int
) -> Iterator[tuple[list[OrderFacts], list[Entry]]]:
    """Yield orders over `after` and their ledger entries, by number; the last chunk has what no order explains."""
    while True:
        with database.read() as session:
            orders = _orders(session, since, after, size)
            upto = orders[-1].number if len(orders) == size else None
            yield orders, _entries(session, since, after, upto)
        if upto is None:
            return
        after = upto


def _orders(session: Session, since: date | None, after: int, size: int) -> list[OrderFacts]:
    chosen = select(Order).options(joinedload(Order.refund)).where(Order.number > after)
    if since is not None:
        chosen = chosen.where(Order.placed_on >= since)
    rows = session.scalars(chosen.order_by(Order.number).limit(size))
    return [
        OrderFacts(
            number=row.number,
            cancelled=row.status == "cancelled",
            total_cents=row.total_cents,
            refund_cents=row.refund.amount_cents if row.refund else None,
        )
        for row in rows
    ]


def _entries(session: Session, since: date | None, after: int, upto: int | None) -> list[Entry]:
    columns = (LedgerEntry.order_number, LedgerEntry.kind, LedgerEntry.amount_cents, LedgerEntry.reference)
    chosen = select(*columns).where(LedgerEntry.order_number > after, _concerned(since))
    if upto is not None:
        chosen = chosen.where(LedgerEntry.order_number <= upto)
    return [Entry(*row) for row in session.execute(chosen.order_by(LedgerEntry.order_number, LedgerEntry.id))]


def _concerned(since: date | None) -> ColumnElement[bool]:
    """Entries of the orders placed since then; those that name no order count by the day they were booked."""
    if since is None:
        return LedgerEntry.id.is_not(None)
    order_day = select(Order.placed_on).where(Order.number == LedgerEntry.order_number).scalar_subquery()
    return or_(order_day >= since, order_day.is_(None) & (LedgerEntry.booked_on >= since))
