"""Signing in by e-mail, and organisations with their members, data and settings."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    _create_sign_ins()
    op.create_table(
        "organisations",
        sa.Column("number", sa.Integer(), nullable=False),
        _text("tenant"),
        _text("id"),
        _text("name"),
        _text("plan"),
        sa.Column("created_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("tenant", "id"),
    )
    _create_of_organisation("members", "user_id", "name", "email", "role", unique="user_id")
    _create_of_organisation("projects", "name", "status", "lead", long="summary")
    written_on = sa.Column("written_on", sa.Date(), nullable=False)
    _create_of_organisation("documents", "title", "author", written_on, long="body")
    _create_of_organisation("organisation_settings", "name", "value", unique="name")
    _create_of_organisation(
        "setting_changes", "name", "previous", "value", "user_id", "key", _time("changed_at"), unique="key"
    )


def _create_sign_ins() -> None:
    op.create_table(
        "sign_in_codes",
        _text("address"),
        _text("salt"),
        _text("digest"),
        _time("sent_at"),
        _time("expires_at"),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        _text("last_try"),
        sa.Column("last_try_right", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("address"),
    )
    op.create_table(
        "sign_ins",
        *map(_text, ("tenant", "conversation_id", "user_id", "name", "tier")),
        _time("until"),
        sa.PrimaryKeyConstraint("tenant", "conversation_id"),
    )
    op.create_index("ix_sign_ins_until", "sign_ins", ["until"])


def _create_of_organisation(table: str, *fields: str | sa.Column[Any], unique: str = "", long: str = "") -> None:
    columns = [_text(field) if isinstance(field, str) else field for field in fields]
    columns += [sa.Column(long, sa.Text(), nullable=False)] if long else []
    op.create_table(
        table,
        sa.Column("id", sa.Integer(), nullable=False),
        *columns,
        sa.Column("organisation", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["organisation"], ["organisations.number"]),
        sa.PrimaryKeyConstraint("id"),
        *([sa.UniqueConstraint("organisation", unique)] if unique else []),
    )
    op.create_index(f"ix_{table}_organisation", table, ["organisation"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False)


def _time(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)
