"""Ended jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

JOBS = "backdesk_archived_jobs"


def upgrade() -> None:
    op.create_table(
        JOBS,
        *map(_text, ("prefix", "id", "tenant", "kind", "state", "code")),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.LargeBinary(), nullable=False) for name in ("record", "log", "workings")),
        sa.PrimaryKeyConstraint("prefix", "id"),
    )
    op.create_index(f"ix_{JOBS}_ended", JOBS, ["prefix", "ended_ms", "id"])
    op.create_index(f"ix_{JOBS}_tenant", JOBS, ["prefix", "tenant", "created_ms", "id"])
    op.create_index(f"ix_{JOBS}_state", JOBS, ["prefix", "state", "ended_ms", "id"])
    op.create_index(f"ix_{JOBS}_kind", JOBS, ["prefix", "kind", "ended_ms", "id"])


def _text(name: str) -> sa.Column[str]:
    bytewise = sa.String().with_variant(sa.String(collation="C"), "postgresql")
    return sa.Column(name, bytewise, nullable=False)
