"""The tables of the business database. Whoever imports them from here has seen all of them, as migrations must.

- `base`: the root of all tables, and which sample data are in
- `shop`: customers, products, orders, refunds, the ledger
- `cart`: what customers are about to buy
- `service`: tickets, escalations, the knowledge base
"""

from tasks.tables.base import CURRENCY, Seeding, Table
from tasks.tables.cart import Cart, CartLine
from tasks.tables.service import Article, Escalation, Ticket
from tasks.tables.shop import Customer, LedgerEntry, Order, OrderLine, Product, Refund

__all__ = [
    "CURRENCY",
    "Article",
    "Cart",
    "CartLine",
    "Customer",
    "Escalation",
    "LedgerEntry",
    "Order",
    "OrderLine",
    "Product",
    "Refund",
    "Seeding",
    "Table",
    "Ticket",
]
