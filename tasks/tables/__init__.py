"""The tables of the business database. Whoever imports them from here has seen all of them, as migrations must.

- `base`: the root of all tables, and which sample data are in
- `shop`: customers, products, orders, refunds, the ledger
- `appointments`: whom customers can meet, and what is agreed with whom
- `cart`: what customers are about to buy
- `service`: tickets, escalations, the knowledge base
- `profile`: what customers prefer, what was talked about, the rules for prompts
"""

from tasks.tables.appointments import Advisor, Appointment, AppointmentChange, TakenSlot
from tasks.tables.base import CURRENCY, Seeding, Table
from tasks.tables.cart import Cart, CartLine
from tasks.tables.profile import Interaction, PreferenceStatement, PromptRuleRow
from tasks.tables.service import Article, Escalation, Ticket
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
    "Escalation",
    "Interaction",
    "LedgerEntry",
    "Order",
    "OrderLine",
    "PreferenceStatement",
    "Product",
    "PromptRuleRow",
    "Refund",
    "Seeding",
    "Table",
    "TakenSlot",
    "Ticket",
]
