"""What is asked of the business database when a customer is erased. Imports pydantic alone, for clients."""

from __future__ import annotations

from pydantic import Field

from backdesk.platform.contract import Contract, Reference


class EraseRequest(Contract):
    """Whom to take out, and the conversations that are theirs."""

    customer_id: Reference
    conversations: list[str] = Field(default_factory=list, max_length=10_000)
    dry_run: bool = True


class ErasedRows(Contract):
    """How many rows were taken out of each table, and in how many the customer was replaced; none that had none."""

    deleted: dict[str, int]
    anonymised: dict[str, int]
