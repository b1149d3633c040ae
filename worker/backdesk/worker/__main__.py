"""A worker: `python -m backdesk.worker`, with the options of `celery worker`, which it is.

The `celery` program first loads every command that is installed, Flower and what that needs among them: 12 MB that each
worker would keep.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from importlib import import_module

from backdesk.worker.loading import without

#: Libraries that others load where they find them, 9 MB: to draw tracebacks, read messages in YAML, and colour what
#: other commands of Celery print.
_SPARED = ("rich", "yaml", "pygments")
#: The parameter of `mallopt` for the most arenas, as malloc.h of the GNU C library has it, and how many a worker needs:
#: each thread keeps to one, with all that it has freed, and its threads take turns anyhow.
_M_ARENA_MAX, _ARENAS = -8, 2


def main() -> None:
    """Run a worker with the options of the command line until it is stopped."""
    _share_arenas()
    load_lean()
    from celery.bin.base import CLIContext  # noqa: PLC0415 - after what is spared
    from celery.bin.worker import worker  # noqa: PLC0415 - same

    from backdesk.worker.app import app  # noqa: PLC0415 - same

    context = CLIContext(app=app, no_color=False, workdir=None, quiet=False)
    worker.main(prog_name="python -m backdesk.worker", obj=context, auto_envvar_prefix="CELERY_WORKER")


def _share_arenas() -> None:
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


def load_lean() -> None:
    """Load what looks for other libraries, without these; who needs them can load them afterwards."""
    with without(*_SPARED):
        import_module("structlog")
        import_module("kombu.serialization")
        import_module("celery.bin.base")


if __name__ == "__main__":
    main()
