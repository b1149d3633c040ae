"""Tools that know no shop: one per module, each a function on the desk, tried without any model.

The docstring of a tool and the descriptions of its arguments are what the model reads about it. It may import the
agents, the platform and the engine. Begin with `system_status`, which is the smallest.
"""
