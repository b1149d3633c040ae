"""One attempt at a job: from the claim to an outcome, and all that a body sees meanwhile.

Imports `process`, `submit` and below. Begin with `executor`; authors of kinds begin with `task` and `context`.
"""
