"""The stack of another thread of this process: what it is doing at the moment."""

from __future__ import annotations

import sys
import threading
import traceback
from types import FrameType

#: Frames that are told: those nearest to what is being done.
FRAMES = 12


def frame_of(thread: threading.Thread) -> FrameType | None:
    """Return the innermost frame of a thread, None when it does not run."""
    return sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 - the documented way, for all its underscore


def stack_text(frame: FrameType | None) -> str:
    """Return a stack as text, innermost call last; "" when there is none."""
    return "".join(traceback.format_stack(frame)[-FRAMES:]) if frame else ""
