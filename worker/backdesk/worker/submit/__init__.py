"""The edge: from a wish to a job that can be written, or a refusal with the field and the reason.

Imports `memory`, `store` and below. Begin with `admission`.
"""
