"""Indexes by which jobs of a tenant in a state are found, and those with a code."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

JOBS = "backdesk_archived_jobs"


def upgrade() -> None:
    op.create_index(f"ix_{JOBS}_tenant_state", JOBS, ["prefix", "tenant", "state", "ended_ms", "id"])
    op.create_index(f"ix_{JOBS}_code", JOBS, ["prefix", "code", "ended_ms", "id"])
