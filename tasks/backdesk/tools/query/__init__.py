"""Queries: one SELECT by DuckDB over data sets that a tenant may see, in a locked process of its own.

`tool` is what agents are given. `catalogue` says which data sets there are and whose, `staging` brings them to files,
`process` runs the program `engine` on them, which opens (`opening`), checks (`grammar`), estimates (`estimate`) and
measures (`metrics`). `order` is what goes between the two processes. Only the program loads DuckDB.
"""
