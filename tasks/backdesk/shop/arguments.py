"""Arguments that several tools take. The descriptions are what the model reads about them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

OrderNumber = Annotated[int, Field(ge=1, lt=2**31, description="The number of the order, such as 10003.")]
