"""What a worker loads: nothing only because a library that it needs looks whether it is installed."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
from backdesk.worker.__main__ import load_lean
load_lean()
print(*{"structlog", "kombu", "rich", "yaml", "pygments"} & set(sys.modules))
import celery.bin.worker, rich, yaml, pygments
print(rich.__name__, yaml.__name__, pygments.__name__)
"""


def test_what_libraries_load_where_they_find_it_is_spared_and_can_be_loaded_later() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    loaded, later = done.stdout.splitlines()
    assert set(loaded.split()) == {"structlog", "kombu"}
    assert later == "rich yaml pygments"
