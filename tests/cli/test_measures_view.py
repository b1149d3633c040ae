"""What a job has measured, in one line for people."""

from __future__ import annotations

import pytest

from backdesk.cli.views.measures import measures_text


@pytest.mark.parametrize(
    ("measures", "line"),
    [
        ({}, ""),
        (
            {"rows_read": 21_000, "handoffs": 2, "corrections": 1, "quality": 0.914, "first_token_seconds": 0.84},
            "first token 0.84 s, quality 0.914, 1 correction, 2 hand-offs, rows read 21,000",
        ),
        (
            {"tokens_per_second": 43.21, "model_seconds": 125.0, "handoffs": 0},
            "43.2 tokens/s, model 2 min 5 s, 0 hand-offs",
        ),
        ({"gained_seconds": -3.0}, "gained seconds -3"),
    ],
)
def test_measures_are_told_in_words_those_of_agents_first(measures: dict[str, float], line: str) -> None:
    assert measures_text(measures) == line
