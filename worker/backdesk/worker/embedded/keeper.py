"""Runs a server as a child and ends it when its owner says so or is gone; `backdesk.worker.embedded.server` starts it.

    keeper.py OWNER_PID FOLDER_TO_REMOVE GRACE_S COMMAND...

GRACE_S is how long the server may take to end before it is killed; the owner waits longer. An owner that is gone waits
for nothing, and nobody else would end a server that hangs: then it has LAST_S, and is told twice that it is to end,
which a worker understands as at once.

It learns of the owner's end in two ways. Standard input is a pipe from the owner: it ends at once, but not
while a forked child of the owner holds its other end. The parent's process id changes in any case, whichever
thread started this process, and is looked at ten times a second. Only the standard library is used, so that
it starts in milliseconds whatever is installed.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys

#: How long the server of an owner that is gone may take to end, and when it is told again. Seconds.
LAST_S, AGAIN_S = 4.0, 1.0
LOOK_S = 0.1


def main(owner: int, folder: str, grace_s: float, command: list[str]) -> int:
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - the owner's own command
    while server.poll() is None:
        if os.getppid() != owner or select.select([sys.stdin], [], [], LOOK_S)[0]:
            end(server, owner, grace_s)
            if folder:
                shutil.rmtree(folder, ignore_errors=True)
    if os.getppid() != owner:
        end_group()
    return server.returncode


def end(server: subprocess.Popen[bytes], owner: int, grace_s: float) -> None:
    server.terminate()
    waited_s = 0.0
    while waited_s < grace_s and os.getppid() == owner:
        if ended(server, LOOK_S):
            return
        waited_s += LOOK_S
    if os.getppid() != owner and not ended(server, AGAIN_S):
        server.terminate()
        if ended(server, LAST_S - AGAIN_S):
            return
    server.kill()
    server.wait()


def ended(server: subprocess.Popen[bytes], within_s: float) -> bool:
    try:
        server.wait(within_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def end_group() -> None:
    """End what the server has left behind, and this process with it."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4:]))
