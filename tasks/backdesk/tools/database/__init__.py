"""`database_tool`: read-only SQL by an agent, over declared tables and columns, of the tenant's rows alone.

The way of a query: `guard` parses it, refuses what is not in the `vocabulary` and writes it anew, with each table
replaced by the rows and columns that the `catalog` allows; `source` runs that on `sqlite` or `postgres`, read-only and
within limits. Libraries are loaded at the first query.
"""

from backdesk.tools.database.tool import database_tool as database_tool
