"""The kind `orders.audit`."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from backdesk.platform.contract import Contract, KindModels
from backdesk.shop.reconciliation import Discrepancy


class LedgerAuditRequest(Contract):
    """Which part of the ledger to reconcile, for the kind `orders.audit`, and how gently."""

    since: date | None = Field(None, description="Only orders placed on this day or later; all when left out.")
    orders_per_chunk: int = Field(100, ge=1, le=10_000, description="Orders read in one transaction.")
    pause_ms_per_chunk: int = Field(
        0, ge=0, le=60_000, description="Rest between chunks, to go easy on a database that others use."
    )
    max_listed: int = Field(100, ge=0, le=1_000, description="Discrepancies listed in the result; all are counted.")


class LedgerAuditResult(Contract):
    """What the audit of the ledger found."""

    ledger_rows: int
    orders_checked: int
    discrepancies: list[Discrepancy]
    discrepancies_total: int
    payments_cents: int
    refunds_cents: int
    fees_cents: int
    elapsed_seconds: float


KIND = KindModels("orders.audit", "tools", LedgerAuditRequest, LedgerAuditResult)
