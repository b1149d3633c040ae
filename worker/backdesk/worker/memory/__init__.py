"""What outlives a job: conversations, journals of notes, the cache of a tenant, and distributions of measures.

Product, not queue: the engine's core runs without it. Imports `store` and below. Begin with `calls`, then `access`.
"""
