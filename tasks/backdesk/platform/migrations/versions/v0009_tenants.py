"""Whose rows are: a tenant for all that a shop has, and customers' ids that two tenants may both have chosen.

What is there belongs to the tenant `default`, as does what workers of the version before add.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

#: How SQLite's copies call the constraints that have no name, which PostgreSQL has given theirs.
_NAMES = {"fk": "%(table_name)s_%(column_0_name)s_fkey"}


def upgrade() -> None:
    with op.batch_alter_table("orders", naming_convention=_NAMES) as orders:
        orders.drop_constraint("orders_customer_id_fkey", type_="foreignkey")
    with op.batch_alter_table("appointments", naming_convention=_NAMES) as appointments:
        # Appointments had tenants before customers and advisors had: rows of those need not be theirs.
        appointments.drop_constraint("appointments_customer_id_fkey", type_="foreignkey")
        appointments.drop_constraint("appointments_advisor_fkey", type_="foreignkey")
    with op.batch_alter_table("taken_slots", naming_convention=_NAMES) as slots:
        slots.drop_constraint("taken_slots_advisor_fkey", type_="foreignkey")
    for table, key in (("customers", "id"), ("articles", "slug"), ("advisors", "name"), ("sign_in_codes", "address")):
        _make_key_of_tenant(table, key)
    for table in ("products", "ledger"):
        op.add_column(table, _tenant())
    _give_orders_a_tenant()
    op.drop_index("ix_products_category", "products")
    op.create_index("products_of_tenant", "products", ["tenant", "category"])


def _tenant(*, key: bool = False) -> sa.Column[str]:
    return sa.Column("tenant", sa.String(), nullable=False, server_default="default", primary_key=key)


def _make_key_of_tenant(table: str, key: str) -> None:
    with op.batch_alter_table(table) as altered:
        altered.add_column(_tenant(key=True))
        if op.get_context().dialect.name == "postgresql":
            altered.drop_constraint(f"{table}_pkey", type_="primary")
        altered.create_primary_key(f"{table}_pkey", ["tenant", key])


def _give_orders_a_tenant() -> None:
    with op.batch_alter_table("orders") as orders:
        orders.add_column(_tenant())
        orders.drop_index("ix_orders_customer_id")
        orders.create_index("orders_of_customer", ["tenant", "customer_id"])
        orders.create_foreign_key("orders_customer", "customers", ["tenant", "customer_id"], ["tenant", "id"])
