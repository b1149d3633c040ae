"""The tables of the business database. Whoever imports them from here has seen all of them, as migrations must.

- `base`: the root of all tables, and which sample data are in
- `shop`: customers, products, orders, refunds, the ledger
- `appointments`: whom customers can meet, and what is agreed with whom
- `cart`: what customers are about to buy
- `service`: tickets, escalations, the knowledge base
- `identity`: codes for signing in, and who is signed in
- `organisation`: organisations, their members, settings and data
- `profile`: what customers prefer, what was talked about, the rules for prompts
"""

from tasks.tables.appointments import Advisor, Appointment, AppointmentChange, TakenSlot
from tasks.tables.base import CURRENCY, Seeding, Table, utc
from tasks.tables.cart import Cart, CartLine
from tasks.tables.identity import SignIn, SignInCode
from tasks.tables.organisation import (
    Document,
    Member,
    OfOrganisation,
    Organisation,
    OrganisationSetting,
    Project,
    SettingChange,
)
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
    "Document",
    "Escalation",
    "Interaction",
    "LedgerEntry",
    "Member",
    "OfOrganisation",
    "Order",
    "OrderLine",
    "Organisation",
    "OrganisationSetting",
    "PreferenceStatement",
    "Product",
    "Project",
    "PromptRuleRow",
    "Refund",
    "Seeding",
    "SettingChange",
    "SignIn",
    "SignInCode",
    "Table",
    "TakenSlot",
    "Ticket",
    "utc",
]
