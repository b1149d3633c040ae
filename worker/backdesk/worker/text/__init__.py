"""Text: strict JSON, and what watchers and logs must not read.

Imports nothing of the engine. Begin with `json`.
"""
