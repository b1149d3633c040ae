"""What jobs came to, by day, tenant and kind."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "backdesk_archived_days",
        *map(_text, ("prefix", "day", "tenant", "kind")),
        sa.Column("figures", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("prefix", "day", "tenant", "kind"),
    )


def _text(name: str) -> sa.Column[str]:
    bytewise = sa.String().with_variant(sa.String(collation="C"), "postgresql")
    return sa.Column(name, bytewise, nullable=False)
