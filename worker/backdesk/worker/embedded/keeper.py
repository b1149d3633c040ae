"""Runs a server as a child and ends it when its owner says so or is gone; `backdesk.worker.embedded.server` starts it.

    keeper.py OWNER_PID FOLDER_TO_REMOVE GRACE_S COMMAND...

GRACE_S is how long the server may take to end before it is killed; the owner waits longer.

It learns of the owner's end in two ways. Standard input is a pipe from the owner: it ends at once, but not
while a forked child of the owner holds its other end. The parent's process id changes in any case, whichever
thread started this process, and is looked at ten times a second. Only the standard library is used, so that
it starts in milliseconds whatever is installed.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys


def main(owner: int, folder: str, grace_s: float, command: list[str]) -> int:
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - the owner's own command
    while server.poll() is None:
        if os.getppid() != owner or select.select([sys.stdin], [], [], 0.1)[0]:
            end(server, grace_s)
            if folder:
                shutil.rmtree(folder, ignore_errors=True)
    return server.returncode


def end(server: subprocess.Popen[bytes], grace_s: float) -> None:
    server.terminate()
    try:
        server.wait(grace_s)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4:]))
