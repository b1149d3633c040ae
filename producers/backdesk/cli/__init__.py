"""The command line `backdesk`."""

from __future__ import annotations

import importlib
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (by default that of the process) and return its exit code."""
    try:
        # Imported here, so that a Ctrl-C while it loads is no accident either.
        return int(importlib.import_module("backdesk.cli.program").run(arguments))
    except KeyboardInterrupt:
        return 130


__all__ = ["main"]
