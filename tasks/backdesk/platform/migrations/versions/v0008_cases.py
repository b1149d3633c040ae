"""The queue of people: a case for each ticket and each escalation, those of before included."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

#: What tickets and escalations both have that a case has. A ticket was promised nothing: it is due since it was opened.
COMMON = ("tenant", "customer_id", "details", "priority")


def upgrade() -> None:
    cases = op.create_table(
        "cases",
        sa.Column("id", sa.Integer(), nullable=False),
        *map(_text, ("tenant", "reference", "conversation_id", "subject", "priority", "state")),
        sa.Column("customer_id", sa.String(), nullable=True),
        sa.Column("holder", sa.String(), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        *map(_time, ("opened_at", "due_at")),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("overdue", sa.Boolean(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant", "reference"),
    )
    op.create_index("ix_cases_queue", "cases", ["tenant", "state", "due_at"])
    op.create_table(
        "case_entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        *map(_text, ("key", "by", "deed")),
        _time("at"),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("case_id", "key"),
    )
    op.create_index("ix_case_entries_case_id", "case_entries", ["case_id"])
    _take_in(cases, "escalations", "E-", "conversation_id", "reason", "escalated_at", "respond_by")
    _take_in(cases, "tickets", "T-", sa.literal(""), "subject", "opened_at", "opened_at")


def _take_in(cases: sa.Table, table: str, letter: str, *named: Any) -> None:
    """Open a case for each row of before; the names are those of its conversation, subject, and times."""
    columns: dict[str, sa.ColumnClause[Any]] = {
        name: sa.column(name) for name in ("id", *COMMON, *(each for each in named if isinstance(each, str)))
    }
    number = sa.literal("00000") + sa.cast(columns["id"], sa.String())
    padded = sa.func.substr(number, sa.func.length(number) - 5)
    digits = sa.case((columns["id"] < 1_000_000, padded), else_=sa.cast(columns["id"], sa.String()))
    conversation, *others = (columns[each] if isinstance(each, str) else each for each in named)
    rows = sa.select(
        *(columns[name] for name in COMMON),
        sa.literal(letter) + digits,
        conversation,
        *others,
        sa.literal("open"),
        sa.false(),
    ).select_from(sa.table(table, *columns.values()))
    names = [*COMMON, "reference", "conversation_id", "subject", "opened_at", "due_at", "state", "overdue"]
    op.execute(sa.insert(cases).from_select(names, rows))


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False)


def _time(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)
