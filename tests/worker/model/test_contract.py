"""What is wrong with a request is told by its fields."""

from __future__ import annotations

from typing import Self

import pytest
from pydantic import BaseModel, ValidationError, field_validator, model_validator

from backdesk.worker.model.contract import field_errors


class Trip(BaseModel):
    days: int
    place: str = "Kyoto"

    @field_validator("place")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value != "Kyoto":
            raise ValueError("is no place that is known")
        return value

    @model_validator(mode="after")
    def _is_short(self) -> Self:
        if self.days > 30:
            raise ValueError("trips take a month at most")
        return self


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"days": 1, "place": "Atlantis"}, {"place": "is no place that is known"}),
        ({"days": 31}, {"request": "trips take a month at most"}),
        ({}, {"days": "Field required"}),
    ],
)
def test_a_refused_field_is_told_in_the_words_of_who_refuses_it(given: dict[str, object], told: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as refused:
        Trip.model_validate(given)
    assert field_errors(refused.value) == told
