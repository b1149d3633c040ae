"""What is known about customers and products, and escalations.

Columns have defaults, because workers of the version before may add rows beside. `conversation_turns` stays for those.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

#: The customers of the sample shop: id, email, tier and time zone.
SAMPLE_CUSTOMERS = [
    ("cust-1", "ada@example.com", "premium", "Europe/Paris"),
    ("cust-2", "ben@example.com", "basic", "Africa/Lagos"),
    ("cust-3", "chiara@example.com", "enterprise", "Europe/Rome"),
    ("cust-4", "daan@example.com", "basic", "Europe/Amsterdam"),
    ("cust-5", "elif@example.com", "premium", "Europe/Istanbul"),
    ("cust-6", "finn@example.com", "basic", "Europe/Copenhagen"),
    ("cust-7", "grace@example.com", "enterprise", "America/Los_Angeles"),
    ("cust-8", "hugo@example.com", "basic", "America/Sao_Paulo"),
]
#: Its products: name, category, stock and description.
SAMPLE_PRODUCTS = [
    ("Aurora desk lamp", "lighting", 40, "A dimmable desk lamp with a warm and a cold light."),
    ("Breeze headphones", "audio", 25, "Over-ear headphones that cancel noise, for 30 hours."),
    ("Cobalt keyboard", "computing", 30, "A quiet mechanical keyboard for three devices."),
    ("Drift mouse", "computing", 60, "A light wireless mouse with a button for its sensitivity."),
    ("Ember smart plug", "smart home", 120, "Switches and measures whatever is plugged in."),
    ("Fjord router", "networking", 12, "A mesh router for a flat, with guest network."),
    ("Glide webcam", "computing", 1, "A webcam in full HD with a privacy shutter."),
    ("Halo speaker", "audio", 0, "A round speaker for a room, with Bluetooth."),
]

customers = sa.table("customers", *(sa.column(name, sa.String) for name in ("id", "email", "tier", "time_zone")))
products = sa.table(
    "products",
    *(sa.column(name, sa.String) for name in ("name", "category", "description")),
    sa.column("stock", sa.Integer),
)


def upgrade() -> None:
    op.add_column("customers", _text("tier", "basic"))
    op.add_column("customers", _text("time_zone", "Europe/Berlin"))
    op.create_index("ix_customers_email", "customers", ["email"])
    op.add_column("products", _text("category", "other"))
    op.add_column("products", _text("description", ""))
    op.add_column("products", sa.Column("stock", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_products_category", "products", ["category"])
    _fill_in_samples()
    _create_escalations()


def _text(name: str, default: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False, server_default=default)


def _fill_in_samples() -> None:
    for key, email, tier, zone in SAMPLE_CUSTOMERS:
        known = sa.update(customers).where(customers.c.id == key, customers.c.email == email)
        op.execute(known.values(tier=tier, time_zone=zone))
    for name, category, stock, description in SAMPLE_PRODUCTS:
        values = {"category": category, "stock": stock, "description": description}
        op.execute(sa.update(products).where(products.c.name == name).values(**values))


def _create_escalations() -> None:
    op.create_table(
        "escalations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=True),
        sa.Column("conversation_id", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("priority", sa.String(), nullable=False),
        sa.Column("respond_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant", "key"),
    )
    op.create_index("ix_escalations_respond_by", "escalations", ["respond_by"])
