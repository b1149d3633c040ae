"""A process that ends with us, however we end, and whose output goes to a log file.

Between it and us stands the keeper of the embedded Redis: it ends its process as soon as we ask it to or are gone.
Both are in a session of their own, so that a Ctrl-C in the terminal reaches us alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from backdesk.worker.embedded import keeper as embedded_keeper

#: How long a process may take to end, and how much later it is killed with its keeper. Seconds.
GRACE_S, KEEPER_LATER_S = 10.0, 3.0
TAIL_LINES = 15


class Child:
    """One process. It can be started again after it has ended."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        env: Mapping[str, str],
        *,
        folder_to_remove: str = "",
        grace_s: float = GRACE_S,
    ) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._env = env
        self._grace_s = grace_s
        #: How long to wait for it after `ask_to_stop`. Seconds.
        self.patience_s = grace_s + KEEPER_LATER_S
        #: Removed by the keeper when we are gone; while we live it is ours.
        self._folder_to_remove = folder_to_remove
        self._keeper: subprocess.Popen[bytes] | None = None
        self._log_from = 0

    def start(self) -> None:
        """Start the process."""
        self.kill()
        keeper = [sys.executable, "-I", "-S", embedded_keeper.__file__]
        keeper += [str(os.getpid()), self._folder_to_remove, str(self._grace_s)]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._log_from = log.tell()
            self._keeper = subprocess.Popen(  # noqa: S603 - our own interpreter and commands
                [*keeper, *self._command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._env,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._keeper is not None and self._keeper.poll() is None

    @property
    def ending(self) -> str:
        """How the process ended, for people."""
        code = self._keeper.poll() if self._keeper else None
        # The keeper passes a death by signal N on as the exit code -N, which arrives as 256 - N.
        number = 256 - code if code is not None and code > 192 else -(code or 0)
        with suppress(ValueError):
            return f"was killed by {signal.Signals(number).name}"
        return f"ended with exit code {code}"

    def tail(self) -> str:
        """Return the last lines of the log since the last start."""
        with suppress(OSError), self.log.open("rb") as log:
            log.seek(max(self._log_from, self.log.stat().st_size - 20_000))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-TAIL_LINES:])
        return ""

    def ask_to_stop(self) -> None:
        """Let the process end what it is doing, and then itself. Returns at once; idempotent."""
        if self._keeper is not None and self._keeper.stdin is not None and not self._keeper.stdin.closed:
            with suppress(BrokenPipeError), self._keeper.stdin as pipe:
                pipe.write(b".")

    def stop(self) -> None:
        """Stop the process and wait until it is gone; kills it when it takes too long. Idempotent."""
        self.ask_to_stop()
        if self._keeper is not None:
            with suppress(subprocess.TimeoutExpired):
                self._keeper.wait(self.patience_s)
        self.kill()

    def kill(self) -> None:
        """End the process at once, with whatever it has started. Idempotent."""
        if self._keeper is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._keeper.pid, signal.SIGKILL)
        self._keeper.wait()
        if self._keeper.stdin is not None:
            with suppress(BrokenPipeError):
                self._keeper.stdin.close()
        self._keeper = None
