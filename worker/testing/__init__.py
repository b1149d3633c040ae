"""Runs kinds in a test: the real store, the real attempts, one process, no waiting.

    with Bench() as bench:
        job = bench.run("shop.purchase", {"message": "two kettles, please"})
        assert job.state == "succeeded"

`bench` is what runs jobs, `job` what a test sees of one, `loss` how a worker dies, `server` the Redis beneath, `plugin`
the fixture for pytest.
"""

from worker.testing.bench import Bench
from worker.testing.job import BenchError, BenchJob, ToolCall

__all__ = ["Bench", "BenchError", "BenchJob", "ToolCall"]
