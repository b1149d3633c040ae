"""The agents: cards and tools as data, the exchange that lets them work, the seam to the library.

The names that authors of kinds need are in `__init__.pyi`, and are loaded when they are first used: to import this
package loads no agent library. Begin with `card` (what an agent is), `tools` (what it may do), `team` (who works
together) and `kind` (what a body calls); `exchange` is how a message gets its answer, `proposals` what a customer must
agree to first, and `runtime` alone knows the library. It may import the quality gate, the platform and the engine, and
knows no shop.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
