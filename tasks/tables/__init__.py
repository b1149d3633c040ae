"""The tables of the business database. Whoever imports them from here has seen all of them, as migrations must.

- `base`: the root of all tables, and which sample data are in
- `shop`: customers, products, orders, refunds, the ledger
- `appointments`: whom customers can meet, and what is agreed with whom
- `cart`: what customers are about to buy
- `service`: tickets, the knowledge base
"""

from tasks.tables.appointments import Advisor, Appointment, AppointmentChange, TakenSlot
from tasks.tables.base import CURRENCY, Seeding, Table
from tasks.tables.cart import Cart, CartLine
from tasks.tables.service import Article, Ticket
from tasks.tables.shop import Customer, LedgerEntry, Order, OrderLine, Product, Refund

__all__ = [
    "CURRENCY",
    "Advisor",
    "Appointment",
    "AppointmentChange",
    "Article",
    "Cart",
    "CartLine",
    "Customer",
    "LedgerEntry",
    "Order",
    "OrderLine",
    "Product",
    "Refund",
    "Seeding",
    "Table",
    "TakenSlot",
    "Ticket",
]
