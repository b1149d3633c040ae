"""Recommend products: from the stock, by what the customer is interested in, and as their tier is served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome, euros
from backdesk.agents.tools import tool
from backdesk.kinds.contextual.preferences import PREFERENCES
from backdesk.kinds.contextual.profile import CustomerProfile, read_profile
from backdesk.kinds.contextual.prompt_rules import Tier
from backdesk.platform.tables import CURRENCY
from backdesk.shop.tables import Order, OrderLine, Product
from backdesk.worker.attempt.ledger import Effect

INTERESTS = PREFERENCES["interested_in"]


@dataclass(frozen=True, slots=True)
class Selection:
    """How customers of a tier are recommended to."""

    #: How many products, at most.
    most: int
    #: Whether the better product comes before the cheaper one.
    best_first: bool
    #: The last pieces are kept for tiers that may have them.
    least_stock: int


SELECTIONS: dict[Tier, Selection] = {
    "basic": Selection(most=2, best_first=False, least_stock=5),
    "premium": Selection(most=3, best_first=True, least_stock=1),
    "enterprise": Selection(most=5, best_first=True, least_stock=1),
}

Interest = Annotated[
    str,
    Field(
        description=f"One of {', '.join(INTERESTS)}. Without it, what the customer is known to be interested in counts."
    ),
]


class Recommendation(ToolOutcome):
    """One product, and why it is recommended."""

    product: str
    category: str
    price_cents: int
    currency: str = CURRENCY
    in_stock: int
    because: str

    def summary(self) -> str:
        return f"{self.product}, {euros(self.price_cents, self.currency)}"


class Recommendations(ToolOutcome):
    """What to recommend, the first choice first; empty when nothing fits that is in stock."""

    tier: Tier
    interest: str | None
    products: list[Recommendation]

    def summary(self) -> str:
        return "; ".join(product.summary() for product in self.products) or "nothing fits"


@tool(Effect.PURE)
async def recommend_products(desk: Desk, interest: Interest | None = None) -> Recommendations | Refusal:
    """Find products to recommend to this customer: in stock, not bought by them before, as their tier is served."""
    wanted = interest.strip().lower() if interest else None
    if wanted is not None and wanted not in INTERESTS:
        return Refusal(refused=f"There is no interest {wanted!r}. There are: {', '.join(INTERESTS)}.")

    def work() -> Recommendations:
        with desk.database.read() as session:
            profile = read_profile(session, desk.tenant, desk.customer_id)
            return _recommended(session, profile, wanted)

    return await desk.database.in_thread(work)


def _recommended(session: Session, profile: CustomerProfile, wanted: str | None) -> Recommendations:
    interest = wanted or profile.preferences.get("interested_in")
    products = _chosen(session, profile, interest)
    if not products and wanted is None:  # what interests them is sold out, or theirs already
        interest, products = None, _chosen(session, profile, None)
    because = _because(interest, asked=wanted is not None)
    return Recommendations(
        tier=profile.tier,
        interest=interest,
        products=[
            Recommendation(
                product=product.name,
                category=product.category,
                price_cents=product.price_cents,
                in_stock=product.stock,
                because=because,
            )
            for product in products
        ],
    )


def _chosen(session: Session, profile: CustomerProfile, interest: str | None) -> list[Product]:
    how = SELECTIONS[profile.tier]
    price = Product.price_cents.desc() if how.best_first else Product.price_cents
    chosen = select(Product).where(Product.stock >= how.least_stock).order_by(price, Product.id).limit(how.most)
    if interest is not None:
        chosen = chosen.where(Product.category == interest)
    if profile.customer_id is not None:
        bought = select(OrderLine.product_id).join(Order, Order.number == OrderLine.order_number)
        theirs = bought.where(Order.customer_id == profile.customer_id, Order.status != "cancelled")
        chosen = chosen.where(Product.id.not_in(theirs))
    return list(session.scalars(chosen))


def _because(interest: str | None, *, asked: bool) -> str:
    if interest is None:
        return "it is in stock and new to the customer"
    return f"the customer {'asks for' if asked else 'is known to be interested in'} {interest}"
