"""Runs kinds in a test: the real store, the real attempts, one process, no waiting.

    with Bench() as bench, scripted(Say("Two kettles are on their way.")):
        job = bench.run("shop.purchase", {"message": "two kettles, please"})
        assert job.state == "succeeded"

`bench` is what runs jobs, `job` what a test sees of one, `scripted_model` a model that says what a test has written,
`loss` how a worker dies, `task_settings` what bodies find around them, `server` the Redis beneath, `plugin` the fixture
for pytest. The names of this package are in `__init__.pyi`, and are loaded when they are first used: a test without a
model loads no agent library.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
