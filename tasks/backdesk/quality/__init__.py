"""The quality gate: what an answer must pass before a customer reads it. Pure; knows no agent and no model.

A gate is an `Agent`'s one line: `quality=QualityGate()`. Its checks refuse what must not be said, each by a sentence
that tells the model what to mend; its scores say how good an answer is that may be said. Begin with `gate`, then with a
check, such as `form`. It may import the platform's types of contracts, and the engine's words for text. The names of
this package are in `__init__.pyi`, and are loaded when they are first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
