"""Blobs: values and files too large for Redis, kept in a folder or an object store under a reference.

What is written is atomic, checked by its SHA-256 when it is read, and encrypted where there is a key. Whoever reads
says for which tenant; a blob of another is not found. Everything here blocks: a coroutine calls it in a thread.
Imports `settings` and below; an object store and encryption take the extra `blobs`. Begin with `store`.
"""
