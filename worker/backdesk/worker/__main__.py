"""A worker: `python -m backdesk.worker`, with the options of `celery worker`, which it is.

The `celery` program first loads every command that is installed, Flower and what that needs among them: 12 MB that each
worker would keep.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

#: Libraries that others load where they find them, 8 MB: to draw tracebacks, and to read messages in YAML.
_SPARED = ("rich", "yaml")


def main() -> None:
    """Run a worker with the options of the command line until it is stopped."""
    load_lean()
    from celery.bin.base import CLIContext  # noqa: PLC0415 - after what is spared
    from celery.bin.worker import worker  # noqa: PLC0415 - same

    from backdesk.worker.app import app  # noqa: PLC0415 - same

    context = CLIContext(app=app, no_color=False, workdir=None, quiet=False)
    worker.main(prog_name="python -m backdesk.worker", obj=context, auto_envvar_prefix="CELERY_WORKER")


def load_lean() -> None:
    """Load what looks for other libraries, without these; who needs them can load them afterwards."""
    with _without(_SPARED):
        import_module("structlog")
        import_module("kombu.serialization")


@contextmanager
def _without(modules: tuple[str, ...]) -> Iterator[None]:
    """Have modules that are not loaded yet look as if they were not installed, within the block."""
    hidden = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is how Python is told that there is none
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


if __name__ == "__main__":
    main()
