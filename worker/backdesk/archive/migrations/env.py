"""Run by Alembic for every command, on the connection that is handed over."""

from __future__ import annotations

from alembic import context

from backdesk.archive.tables import REVISION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=REVISION_TABLE,
    render_as_batch=True,  # SQLite changes columns by copying their table
    transactional_ddl=True,  # of SQLite too, because our transactions begin before the first statement
)
with context.begin_transaction():
    context.run_migrations()
