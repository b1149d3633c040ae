"""SQL databases that several threads, processes and versions share: SQLite in a file, or PostgreSQL.

What the business database and the archive have in common. Begin with `engines`.
"""
