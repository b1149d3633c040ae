"""A database of two tenants in which whatever must not be seen says SECRET, and the same without any of that."""

# ruff: noqa: S608 - the rows of a database for tests

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

TENANT, OTHER = "acme", "globex"

TABLES = {
    "orders": ("number integer", "status text", "cents integer", "placed_on date", "note text", "details", "extra"),
    "items": ("order_number integer", "sku text", "quantity integer"),
    "products": ("sku text", "name text", "price numeric(10, 2)"),
    "Visits": ("Day date", "Count integer"),
}
#: What `tables=` and its companions are in the tests.
DECLARED: dict[str, Any] = {"tables": TABLES, "tenant_column": "tenant", "shared": ("products",)}

_SQLITE = """
CREATE TABLE orders (
    number integer, status text, cents integer, placed_on text, note text, details text, extra text,
    tenant text, card text
);
CREATE TABLE items (order_number integer, sku text, quantity integer, cost integer, tenant text);
CREATE TABLE products (sku text, name text, price numeric);
CREATE TABLE "Visits" ("Day" text, "Count" integer, tenant text);
CREATE INDEX by_note ON orders (note);
CREATE TABLE vault (id integer, secret text);
CREATE VIEW everything AS SELECT * FROM orders;
"""
_POSTGRES = (
    _SQLITE.replace("placed_on text", "placed_on date")
    .replace("details text", "details jsonb")
    .replace("extra text", "extra jsonb")
    .replace('"Day" text', '"Day" date')
    .replace("price numeric", "price numeric(10, 2)")
)


def statements(*, secrets: bool, postgres: bool) -> Iterator[str]:
    """Yield what makes the database, with the rows and columns that must not be seen or without."""
    yield from filter(str.strip, (_POSTGRES if postgres else _SQLITE).split(";"))
    statuses = ("open", "paid", "sent", "returned")
    for number in range(1, 41):
        card = f"SECRET-{number}" if secrets else ""
        note = "NULL" if number % 5 == 0 else f"'note {number % 7}'"
        day = f"2026-{1 + number % 3:02}-{1 + number % 28:02}"
        details = f'{{"size": "{"LMS"[number % 3]}", "gift": {str(number % 2 == 0).lower()}}}'
        row = f"{number}, '{statuses[number % 4]}', {number * 25}, '{day}', {note}, '{details}', 'true', '{TENANT}'"
        yield f"INSERT INTO orders VALUES ({row}, '{card}')"
        if number % 3:
            cost = 777_000 if secrets else 0
            yield f"INSERT INTO items VALUES ({number}, 'sku-{number % 6}', {1 + number % 4}, {cost}, '{TENANT}')"
    for number in range(6):
        yield f"INSERT INTO products VALUES ('sku-{number}', 'Thing {number}', {number}.25)"
        yield f"""INSERT INTO "Visits" VALUES ('2026-01-0{number + 1}', {number * 10}, '{TENANT}')"""
    if not secrets:
        return
    for number in range(1, 21):
        row = f"{number}, 'SECRET', {777_000 + number}, '2031-07-07', 'SECRET-{number}', '{{\"card\": \"SECRET\"}}'"
        yield f"INSERT INTO orders VALUES ({row}, '{{}}', '{OTHER}', 'SECRET-{number}')"
        yield f"INSERT INTO items VALUES ({number}, 'SECRET', {777_000 + number}, 777000, '{OTHER}')"
        yield f"INSERT INTO vault VALUES ({number}, 'SECRET-{number}')"
    yield f"""INSERT INTO "Visits" VALUES ('2031-07-07', 777000, '{OTHER}')"""


def without_hidden(*, postgres: bool) -> Iterator[str]:
    """Yield what makes a database in which there is nothing but what the tenant may see."""
    yield from statements(secrets=False, postgres=postgres)
    yield "DROP VIEW everything"
    for table, columns in {"orders": ("tenant", "card"), "items": ("tenant", "cost"), '"Visits"': ("tenant",)}.items():
        yield from (f"ALTER TABLE {table} DROP COLUMN {column}" for column in columns)
    if postgres:  # where the model's names are lower-case, and the database's are not
        yield from (f'ALTER TABLE "Visits" RENAME {each}' for each in ('"Day" TO day', '"Count" TO count', "TO visits"))


def make_sqlite(path: Path, made_by: Iterable[str]) -> str:
    with closing(sqlite3.connect(path)) as connection:
        for statement in made_by:
            connection.execute(statement)
        connection.commit()
    return f"sqlite:///{path}"


def make_postgres(url: str, made_by: Iterable[str]) -> str:
    with psycopg.connect(url) as connection:
        for statement in made_by:
            connection.execute(statement.encode())
    return url
