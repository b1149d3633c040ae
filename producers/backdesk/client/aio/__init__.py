"""The asyncio client, and by generation the blocking one: `make generate` writes `backdesk.client.blocking` from this.

Begin with `client`. A method belongs here once, over an operation of `backdesk.client.operations`. What an event loop
and a thread do differently is a pair of names in `.ci/unasync.py`.
"""
