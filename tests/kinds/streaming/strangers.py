"""What strangers must not get of `assistant.streaming`: advice on what a customer has bought."""

from __future__ import annotations

from tests.support.strangers import Case, Stakes

STAKES = Stakes({"find_advice": Case()}, only_for_customers=frozenset({"find_advice"}))
