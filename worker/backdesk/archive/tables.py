"""The tables of the archive. Deployments that share a database differ in their prefix. Moments are ms since 1970."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table

#: Where Alembic notes the revision. Not its usual name: the archive may share a database with other tables.
REVISION_TABLE = "backdesk_archive_revision"

metadata = MetaData()
#: Ordered byte by byte, as Redis orders the members of a set.
_bytewise = String().with_variant(String(collation="C"), "postgresql")

# What is long comes last: SQLite reads a row from its beginning up to what is asked for.
jobs = Table(
    "backdesk_archived_jobs",
    metadata,
    Column("prefix", _bytewise, primary_key=True),
    Column("id", _bytewise, primary_key=True),
    Column("tenant", _bytewise, nullable=False),
    Column("kind", _bytewise, nullable=False),
    Column("state", _bytewise, nullable=False),
    Column("code", _bytewise, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger, nullable=False),
    Column("events", Integer, nullable=False),
    Column("record", LargeBinary, nullable=False),
    Column("log", LargeBinary, nullable=False),
    Column("workings", LargeBinary, nullable=False),
    Index("ix_backdesk_archived_jobs_ended", "prefix", "ended_ms", "id"),
    Index("ix_backdesk_archived_jobs_tenant", "prefix", "tenant", "created_ms", "id"),
    Index("ix_backdesk_archived_jobs_state", "prefix", "state", "ended_ms", "id"),
    Index("ix_backdesk_archived_jobs_kind", "prefix", "kind", "ended_ms", "id"),
    Index("ix_backdesk_archived_jobs_tenant_state", "prefix", "tenant", "state", "ended_ms", "id"),
    Index("ix_backdesk_archived_jobs_code", "prefix", "code", "ended_ms", "id"),
)

days = Table(
    "backdesk_archived_days",
    metadata,
    *(Column(name, _bytewise, primary_key=True) for name in ("prefix", "day", "tenant", "kind")),
    Column("figures", LargeBinary, nullable=False),
)
