"""What a customer has bought: in all, by category, by month, and beside what others buy.

Orders that were cancelled or given back count for nothing; amounts are what was paid for the rest.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import SIGN_IN_FIRST, Refusal, ToolOutcome, euros
from backdesk.agents.tools import tool
from backdesk.platform.tables import CURRENCY
from backdesk.shop.tables import Order, OrderLine, Product, Refund
from backdesk.worker.attempt.ledger import Effect

#: How far back months are told of, and how many categories.
MOST_MONTHS, MOST_CATEGORIES = 12, 10
#: An average of fewer would tell of them.
FEWEST_OTHERS = 5


class Finding(ToolOutcome):
    """The root of what is found out about purchases."""

    def lines(self) -> list[str]:
        """Return it for a report, in sentences of figures; nothing when there is nothing to tell."""
        return [self.summary()]


class OrdersReviewed(Finding):
    """A customer's orders in figures. `spent_cents` and the average are of those that count."""

    orders: int
    by_status: dict[str, int]
    given_back: int
    spent_cents: int
    average_cents: int
    currency: str = CURRENCY
    first_on: date | None
    last_on: date | None

    def summary(self) -> str:
        return f"{self.orders} orders, {euros(self.spent_cents, self.currency)} spent"

    def lines(self) -> list[str]:
        if not self.orders:
            return ["There are no orders yet."]
        statuses = ", ".join(f"{count} {status}" for status, count in self.by_status.items())
        spent, average = (euros(cents, self.currency) for cents in (self.spent_cents, self.average_cents))
        return [
            f"{self.orders} orders from {self.first_on} to {self.last_on}: {statuses}; {self.given_back} given back.",
            f"Spent on what was kept: {spent}, {average} an order.",
        ]


class Share(ToolOutcome):
    """A part of what was spent; `percent` of all of it, rounded."""

    name: str
    spent_cents: int
    percent: int
    currency: str = CURRENCY

    def summary(self) -> str:
        return f"{self.name}: {euros(self.spent_cents, self.currency)} ({self.percent} %)"


class SpendingByCategory(Finding):
    """Where the money went, the largest part first."""

    categories: list[Share]

    def summary(self) -> str:
        return "; ".join(self.lines()) or "nothing was bought"

    def lines(self) -> list[str]:
        return [share.summary() for share in self.categories]


class SpendingByMonth(Finding):
    """When the money was spent, the newest month first; months without an order are left out."""

    months: list[Share]

    def summary(self) -> str:
        return "; ".join(self.lines()) or "nothing was bought"

    def lines(self) -> list[str]:
        return [share.summary() for share in self.months]


class SpendingCompared(Finding):
    """The customer's average order beside that of all others; `percent` is the difference, None without orders."""

    average_cents: int
    others_cents: int
    percent: int | None
    currency: str = CURRENCY

    def summary(self) -> str:
        ours, others = euros(self.average_cents, self.currency), euros(self.others_cents, self.currency)
        difference = "" if self.percent is None else f", {abs(self.percent)} % {'more' if self.percent > 0 else 'less'}"
        return f"{ours} an order, others {others}{difference}"

    def lines(self) -> list[str]:
        return [] if self.percent is None else [f"An average order: {self.summary()}."]


@tool(Effect.PURE)
async def review_orders(desk: Desk) -> OrdersReviewed | Refusal:
    """Review the customer's orders: how many of each status, what was spent, the average, the first and the last."""
    customer = desk.customer_id
    if customer is None:
        return SIGN_IN_FIRST

    def work() -> OrdersReviewed:
        with desk.database.read() as session:
            return _review(session, customer)

    return await desk.database.in_thread(work)


@tool(Effect.PURE)
async def spending_by_category(desk: Desk) -> SpendingByCategory | Refusal:
    """Tell what the customer has spent in each category of products."""
    customer = desk.customer_id
    if customer is None:
        return SIGN_IN_FIRST
    cents = func.sum(OrderLine.quantity * OrderLine.unit_cents)
    chosen = (
        select(Product.category, cents)
        .join(OrderLine, OrderLine.product_id == Product.id)
        .join(Order, Order.number == OrderLine.order_number)
        .where(Order.customer_id == customer, _counts())
        .group_by(Product.category)
    )

    def work() -> list[Share]:
        with desk.database.read() as session:
            return _shares({name: int(each) for name, each in session.execute(chosen)})

    largest_first = sorted(await desk.database.in_thread(work), key=lambda share: (-share.spent_cents, share.name))
    return SpendingByCategory(categories=largest_first[:MOST_CATEGORIES])


@tool(Effect.PURE)
async def spending_by_month(desk: Desk) -> SpendingByMonth | Refusal:
    """Tell what the customer has spent in each month, of the last twelve in which they ordered."""
    customer = desk.customer_id
    if customer is None:
        return SIGN_IN_FIRST
    chosen = select(Order.placed_on, Order.total_cents).where(Order.customer_id == customer, _counts())

    def work() -> list[Share]:
        months: dict[str, int] = {}
        with desk.database.read() as session:
            for day, cents in session.execute(chosen):
                month = f"{day:%Y-%m}"
                months[month] = months.get(month, 0) + cents
        return _shares(months)

    newest_first = sorted(await desk.database.in_thread(work), key=lambda share: share.name, reverse=True)
    return SpendingByMonth(months=newest_first[:MOST_MONTHS])


@tool(Effect.PURE)
async def compare_spending(desk: Desk) -> SpendingCompared | Refusal:
    """Compare the customer's average order with that of all other customers."""
    customer = desk.customer_id
    if customer is None:
        return SIGN_IN_FIRST

    def work() -> SpendingCompared | Refusal:
        with desk.whole.of(desk.tenant).read() as session:
            theirs = Order.customer_id != customer
            if (session.scalar(select(func.count(Order.customer_id.distinct())).where(theirs)) or 0) < FEWEST_OTHERS:
                return Refusal(refused="There are too few other customers to compare with.")
            ours, others = _average(session, ~theirs), _average(session, theirs)
            percent = round(100 * (ours - others) / others) if ours and others else None
            return SpendingCompared(average_cents=ours, others_cents=others, percent=percent)

    return await desk.database.in_thread(work)


def _counts() -> ColumnElement[bool]:
    given_back = select(Refund.id).where(Refund.order_number == Order.number).exists()
    return (Order.status != "cancelled") & ~given_back


def _review(session: Session, customer: str) -> OrdersReviewed:
    theirs = Order.customer_id == customer
    statuses = session.execute(select(Order.status, func.count()).where(theirs).group_by(Order.status))
    by_status = dict(sorted((status, count) for status, count in statuses))
    given_back = select(func.count()).select_from(Refund).join(Order, Order.number == Refund.order_number).where(theirs)
    spent = session.scalar(select(func.sum(Order.total_cents)).where(theirs, _counts())) or 0
    first, last = session.execute(select(func.min(Order.placed_on), func.max(Order.placed_on)).where(theirs)).one()
    return OrdersReviewed(
        orders=sum(by_status.values()),
        by_status=by_status,
        given_back=session.scalar(given_back) or 0,
        spent_cents=int(spent),
        average_cents=_average(session, theirs),
        first_on=first,
        last_on=last,
    )


def _average(session: Session, whose: ColumnElement[bool]) -> int:
    return round(session.scalar(select(func.avg(Order.total_cents)).where(whose, _counts())) or 0)


def _shares(cents: dict[str, int]) -> list[Share]:
    total = sum(cents.values())
    return [
        Share(name=name, spent_cents=each, percent=round(100 * each / total) if total else 0)
        for name, each in cents.items()
    ]
