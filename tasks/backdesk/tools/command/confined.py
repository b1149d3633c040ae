"""Whether paths stay in a folder: every part is looked at without following it, from the folder on.

The isolation of a program holds that too, whatever is exchanged after this; what is found here is told to the model.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from backdesk.tools.command.grammar import Refused

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def check_confined(folder: Path, paths: Iterable[str]) -> None:
    """Raise Refused for a path on which there is a link, or that is neither a file nor a folder.

    What does not exist is for the program to tell.
    """
    for path in paths:
        _check(folder, path)


def _check(folder: Path, path: str) -> None:
    fd = os.open(folder, _OPEN | os.O_DIRECTORY)
    try:
        for part in PurePosixPath(path).parts:
            found = os.stat(part, dir_fd=fd, follow_symlinks=False)
            if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
                raise Refused(f"{path!r} is or leads through what is neither a file nor a folder")
            above, fd = fd, os.open(part, _OPEN, dir_fd=fd)
            os.close(above)
    except FileNotFoundError:
        return
    except OSError as error:
        raise Refused(f"{path!r}: {error.strerror}") from None
    finally:
        os.close(fd)
