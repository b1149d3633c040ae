"""Figures of a whole deployment in the format of Prometheus: what is read of Redis, and what it is told as.

Imports `memory` and below. Begin with `reading`.
"""
