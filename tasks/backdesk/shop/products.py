"""The products of the shop: search them, look at one, compare some. Good for a few hundred, as all are read."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome, euros
from backdesk.agents.tools import tool
from backdesk.platform.tables import CURRENCY
from backdesk.shop.tables import Product
from backdesk.worker.attempt.ledger import Effect

MOST_FOUND = 10
#: Words that name no product.
_EMPTY = frozenset(
    re.findall(r"\w+", "a an and the of for with some any all your our my me in to is it this that product one")
)

ProductName = Annotated[str, Field(min_length=1, max_length=200, description="The product's name, or its id.")]
Query = Annotated[str, Field(max_length=500, description="What the product is or does, in a few words; empty for all.")]
Category = Annotated[str | None, Field(description="Only of this category. Search without it to learn which exist.")]
MaxPrice = Annotated[int | None, Field(ge=0, description="The most that one may cost, in cents.")]


class ProductFound(ToolOutcome):
    """A product."""

    product_id: int
    name: str
    category: str
    description: str
    price_cents: int
    currency: str = CURRENCY
    #: How many can be bought now.
    in_stock: int

    def summary(self) -> str:
        stock = f"{self.in_stock} in stock" if self.in_stock else "sold out"
        return f"{self.name}: {euros(self.price_cents, self.currency)}, {stock}"

    def learned(self) -> dict[str, Any]:
        return {"product": self.name}


class ProductsFound(ToolOutcome):
    """The products that fit, the best ones first, at most ten; and the categories that there are."""

    products: list[ProductFound]
    categories: list[str]

    def summary(self) -> str:
        names = ", ".join(product.name for product in self.products)
        return f"{len(self.products)} found: {names}" if names else "nothing found"

    def learned(self) -> dict[str, Any]:
        names = [product.name for product in self.products]
        return {"found": names} | ({"product": names[0]} if len(names) == 1 else {})


class ProductsCompared(ToolOutcome):
    """Products side by side, the cheapest one first."""

    products: list[ProductFound]

    def summary(self) -> str:
        return "; ".join(product.summary() for product in self.products)

    def learned(self) -> dict[str, Any]:
        return {"found": [product.name for product in self.products]}


@tool(Effect.PURE)
async def search_products(
    desk: Desk, query: Query = "", category: Category = None, max_price_cents: MaxPrice = None
) -> ProductsFound | Refusal:
    """Search the shop for products, by words, category and price."""

    def work() -> ProductsFound | Refusal:
        products, wanted, words = _all(desk), category and category.lower(), _words(query)
        categories = sorted({product.category for product in products})
        if wanted and wanted not in categories:
            return Refusal(refused=f"There is no category {category!r}; there are {', '.join(categories)}.")
        fit = [
            (len(words & _words(f"{each.name} {each.category} {each.description}")), each)
            for each in products
            if wanted in (None, "", each.category)
            if max_price_cents is None or each.price_cents <= max_price_cents
        ]
        best = sorted((pair for pair in fit if pair[0] or not words), key=lambda pair: (-pair[0], pair[1].product_id))
        return ProductsFound(products=[each for _, each in best][:MOST_FOUND], categories=categories)

    return await desk.database.in_thread(work)


@tool(Effect.PURE)
async def look_up_product(desk: Desk, product: ProductName) -> ProductFound | Refusal:
    """Look at one product: what it is, its price, and how many are in stock."""

    def work() -> ProductFound | Refusal:
        with desk.database.read() as session:
            found = find_product(session, product)
            return found if isinstance(found, Refusal) else _as_found(found)

    return await desk.database.in_thread(work)


@tool(Effect.PURE)
async def compare_products(
    desk: Desk, products: Annotated[list[ProductName], Field(min_length=2, max_length=5)]
) -> ProductsCompared | Refusal:
    """Compare two to five products: what they are, their prices, and how many are in stock."""

    def work() -> ProductsCompared | Refusal:
        with desk.database.read() as session:
            found = [find_product(session, product) for product in products]
            refusals = [each.refused for each in found if isinstance(each, Refusal)]
            if refusals:
                return Refusal(refused=" ".join(refusals))
            different = {each.id: _as_found(each) for each in found if isinstance(each, Product)}
        return ProductsCompared(products=sorted(different.values(), key=lambda each: each.price_cents))

    return await desk.database.in_thread(work)


def find_product(session: Session, name: str) -> Product | Refusal:
    """Return the product with this id, or the one whose name has most of these words; else say why there is none."""
    if name.strip().isdecimal():
        product = session.get(Product, int(name)) if len(name.strip()) < 10 else None
        return product or Refusal(refused=f"There is no product {name.strip()}.")
    words = _words(name)
    scores = [(len(words & _words(each.name)), each) for each in session.scalars(select(Product).order_by(Product.id))]
    most = max((score for score, _ in scores), default=0)
    best = [each for score, each in scores if score == most]
    if not most:
        return Refusal(refused=f"There is no product called {name!r}.")
    if len(best) > 1:
        return Refusal(refused=f"Several products fit {name!r}: {', '.join(each.name for each in best)}.")
    return best[0]


def _all(desk: Desk) -> list[ProductFound]:
    with desk.database.read() as session:
        return [_as_found(each) for each in session.scalars(select(Product))]


def _as_found(product: Product) -> ProductFound:
    return ProductFound(
        product_id=product.id,
        name=product.name,
        category=product.category,
        description=product.description,
        price_cents=product.price_cents,
        in_stock=product.stock,
    )


def _words(text: str) -> frozenset[str]:
    """Return the words that mean something, without the s of a plural."""
    return frozenset(word.removesuffix("s") for word in re.findall(r"\w+", text.lower()) if word not in _EMPTY)
