"""How a database tool is declared."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated

from pydantic import Field

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import SIGN_IN_FIRST, Refusal
from backdesk.agents.tools import Tool, tool
from backdesk.tools.database.catalog import Catalog, Tables
from backdesk.tools.database.refused import Refused
from backdesk.tools.database.result import Limits, QueryResult
from backdesk.tools.database.source import Source
from backdesk.worker.attempt.ledger import Effect
from backdesk.worker.errors import ConfigurationError

Sql = Annotated[
    str, Field(description="One SELECT, with the columns that are needed, and counts and sums made by SQL.")
]

_NAMES: Mapping[str | None, str] = {"sqlite": "SQLite", "postgres": "PostgreSQL", None: "SQL"}


def database_tool(
    name: str,
    *,
    tables: Tables,
    tenant_column: str | Mapping[str, str] | None,
    url: str = "",
    customer_column: str | Mapping[str, str] | None = None,
    shared: Collection[str] = (),
    description: str = "",
    rows: int = 50,
    seconds: float = 10.0,
    connections: int = 4,
) -> Tool[..., QueryResult | Refusal]:
    """Declare a tool by which an agent asks a database, in SQL, for rows of its tenant.

    `tables` names what can be seen: `{"orders": ("number integer", "status text")}`. A row is shown when its
    `tenant_column` holds the job's tenant and, if there is one, its `customer_column` the customer whom the desk
    serves; tables that say no tenant are named as `shared`. `url` is the name of a variable or secret file with the
    URL, a URL without a password, or nothing for the business database. At most `rows` are returned, a query ends
    after `seconds`, and a process keeps up to `connections` to PostgreSQL.
    Raises ConfigurationError for what is declared wrongly; a table that is not as declared is told by the first call.
    """
    if not (1 <= rows <= 1_000 and 0 < seconds <= 300 and 1 <= connections <= 100):
        raise ConfigurationError("rows are 1 to 1000, seconds up to 300, connections 1 to 100")
    catalog = Catalog(tables, tenant_column=tenant_column, customer_column=customer_column, shared=shared)
    source = Source(url, catalog, Limits(rows, seconds), connections)

    @tool(Effect.PURE, name=name, description=_described(description, source, rows), dependencies=(source.dependency,))
    async def query(desk: Desk, sql: Sql) -> QueryResult | Refusal:
        if catalog.needs_customer and desk.customer_id is None:
            return SIGN_IN_FIRST
        try:
            return await source.ask(sql, {"tenant": desk.tenant, "customer": desk.customer_id or ""})
        except Refused as refused:
            return Refusal(refused=str(refused))

    return query


def _described(description: str, source: Source, rows: int) -> str:
    said = [
        description.strip() or "Look something up in the database.",
        f"Takes one SELECT of {_NAMES[source.dialect()]}, which only reads and sees only what may be seen here: no "
        "condition on whose rows these are is needed.",
        f"Returns {rows} rows at most, and says how many more there are.",
        f"Tables: {source.catalog}.",
    ]
    return " ".join(said)
