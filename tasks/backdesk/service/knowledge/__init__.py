"""The knowledge base: articles in passages, found by words and by vectors, cited by what tools returned.

`documents` reads files, `passages` splits them, `terms` makes words comparable, `library` keeps them, `search` finds
them, and `tool` is what agents call. `contract` imports pydantic alone, for clients.
"""
