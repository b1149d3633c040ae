"""What was proposed to customers, and what they said to it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_TEXTS = ("tenant", "conversation_id", "key", "proposed_by", "agent", "tool", "state")
_OPEN = sa.text("state = 'open'")


def upgrade() -> None:
    op.create_table(
        "proposals",
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in _TEXTS),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("args", "facts", "statement")),
        *(sa.Column(name, sa.String(), nullable=True) for name in ("customer_id", "heard_by", "closed_by")),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in ("proposed_at", "expires_at")),
        sa.Column("shown_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant", "key"),
    )
    op.create_index(
        "open_proposal_of_conversation",
        "proposals",
        ["tenant", "conversation_id"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    op.create_index("proposals_closed_by", "proposals", ["tenant", "closed_by"])
