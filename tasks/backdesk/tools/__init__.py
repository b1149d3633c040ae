"""Tools that know no shop, which any agent can be given: each a function on the desk, tried without any model.

The names that authors of kinds need are in `__init__.pyi`, and are loaded when they are first used. A tool that is
configured is made by one call: `orders = database_tool("orders", ...)`. A tool of one module is that module; one of
several is a folder. The docstring of a tool and the descriptions of its arguments are what the model reads about it. It
may import the agents, the platform and the engine. Begin with `status`, which is the smallest.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
