"""What clients do, without saying how they wait: begin with `operation`, which says how an operation is written.

Each of them is a generator that yields what it asks of Redis, and is carried out by `Connection.do` of either client.
"""
