"""Articles in passages, each of which is found by its own words: the full-text index of the database has them.

On SQLite that is a table of FTS5 beside the passages, which triggers keep; on PostgreSQL an index. Articles that are
there are split before the first search.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backdesk.worker.errors import ConfigurationError

revision = "0010"
down_revision = "0009"

_NO_FTS5 = (
    "the SQLite of this Python is built without FTS5, by which the knowledge base is searched: take a Python whose "
    "SQLite has it, as those of Debian and python.org have, or PostgreSQL by BACKDESK_DATABASE_URL"
)
_FTS5 = (
    "CREATE VIRTUAL TABLE passage_index USING fts5"
    "(heads, words, tenant, content='passages', content_rowid='id', tokenize='ascii')"
)
_ADD = "INSERT INTO passage_index (rowid, heads, words, tenant) VALUES (new.id, new.heads, new.words, new.tenant);"
_DROP = (
    "INSERT INTO passage_index (passage_index, rowid, heads, words, tenant)"
    " VALUES ('delete', old.id, old.heads, old.words, old.tenant);"
)
_TRIGGERS = {
    "AFTER INSERT": _ADD,
    "AFTER DELETE": _DROP,
    "AFTER UPDATE OF heads, words, tenant": f"{_DROP} {_ADD}",
}
_GIN = (
    "CREATE INDEX text_of_passages ON passages USING gin ("
    "(setweight(to_tsvector('simple'::regconfig, heads), 'A'::\"char\") || "
    "setweight(to_tsvector('simple'::regconfig, words), 'D'::\"char\")))"
)


def upgrade() -> None:
    for name in ("language", "source", "digest"):
        op.add_column("articles", sa.Column(name, sa.String(), nullable=False, server_default=""))
    op.add_column("articles", sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("articles", sa.Column("indexed", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "passages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("heading", sa.String(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("text", "heads", "words")),
        sa.Column("vector", sa.LargeBinary(), nullable=True),
        sa.Column("embedded_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["tenant", "slug"], ["articles.tenant", "articles.slug"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant", "slug", "number"),
    )
    if op.get_context().dialect.name == "postgresql":
        op.execute(_GIN)
    else:
        _index_of_sqlite()


def _index_of_sqlite() -> None:
    try:
        op.execute(_FTS5)
    except sa.exc.OperationalError as error:
        raise ConfigurationError(_NO_FTS5) if "fts5" in str(error.orig) else error from error
    for number, (when, done) in enumerate(_TRIGGERS.items()):
        op.execute(f"CREATE TRIGGER passages_indexed_{number} {when} ON passages BEGIN {done} END")
