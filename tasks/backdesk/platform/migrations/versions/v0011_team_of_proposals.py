"""Whose proposals are: the team of the tool, as another in the same conversation may have one of that name.

Of what was proposed before nobody knows it: any team that has the agent and the tool may still make the call.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("proposals", sa.Column("team", sa.String(), nullable=True))
