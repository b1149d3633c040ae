"""Who gives a command."""

from __future__ import annotations

import getpass


def login_name() -> str:
    """Return who is logged in here, "" if the system does not know."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
