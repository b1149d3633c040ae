"""Scale: whether one Redis stays quick with a large fleet, many tenants and a long backlog.

`python -m benchmarks.scale` plays the part of a whole fleet against one real server, and tells for each scene how long
Redis was held up by the slowest script of it.
"""
