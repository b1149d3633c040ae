"""Run by Alembic for every command: on the connection that `runner` hands over, or as SQL for a dialect."""

from __future__ import annotations

from alembic import context

from backdesk.platform.migrations.runner import of_ours
from backdesk.platform.tables import Table

attributes = context.config.attributes

if attributes["connection"] is None:
    context.configure(dialect_name=attributes["dialect"], target_metadata=Table.metadata, literal_binds=True)
else:
    # SQLite changes columns by copying their table, which is what a batch does; others are asked plainly.
    context.configure(
        connection=attributes["connection"],
        target_metadata=Table.metadata,
        include_name=of_ours,
        render_as_batch=True,
        transactional_ddl=True,  # of SQLite too, because our transactions begin before the first statement
    )
with context.begin_transaction():
    context.run_migrations()
