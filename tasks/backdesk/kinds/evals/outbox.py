"""What a customer was sent besides the conversation, such as a code: read where the deployment leaves it.

Whoever could have it read might sign in as anybody, so that only sample data is open to this.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from backdesk.kinds.evals.contract import Sent
from backdesk.platform.deployment import deployment
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category


def found_in(sent: Sent) -> str:
    """Return what is looked for in the last letter to an address. Blocks.

    Raises TaskError where there is none (`not_sent`), and where the data is no sample (`not_sample_data`).
    """
    settings = deployment().settings
    if not settings.samples:
        raise _refused("not_sample_data", "Letters are read with sample data alone: set BACKDESK_SAMPLES=1.")
    texts = [*_letters(settings.data_dir / sent.outbox, sent.to)]
    found = re.search(sent.finds, texts[-1]) if texts else None
    if found is None:
        raise _refused("not_sent", f"There is no letter to {sent.to} in {sent.outbox} that has {sent.finds!r}.")
    return found[0]


def _letters(path: Path, to: str) -> Iterator[str]:
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    yield from (str(letter["text"]) for letter in map(json.loads, lines) if letter.get("to") == to)


def _refused(code: str, message: str) -> TaskError:
    return TaskError(code, message, category=Category.VALIDATION)
