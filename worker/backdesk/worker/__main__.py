"""A worker: `python -m backdesk.worker`, with the options of `celery worker`, which it is.

The `celery` program first loads every command that is installed, Flower and what that needs among them: 12 MB that each
worker would keep.
"""

from __future__ import annotations

from celery.bin.base import CLIContext
from celery.bin.worker import worker

from backdesk.worker.app import app


def main() -> None:
    """Run a worker with the options of the command line until it is stopped."""
    context = CLIContext(app=app, no_color=False, workdir=None, quiet=False)
    worker.main(prog_name="python -m backdesk.worker", obj=context, auto_envvar_prefix="CELERY_WORKER")


if __name__ == "__main__":
    main()
