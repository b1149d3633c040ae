"""One worker process: its writer, its leases, its event loop, its logs.

Imports `memory`, `store` and below. Begin with `state`.
"""
