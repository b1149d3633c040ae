"""What clients do, over HTTP: the operations on a gateway in place of those on Redis, with the same names and values.

Each is an operation too: what it yields is a request, so that both clients are still one text.
"""
