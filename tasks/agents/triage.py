"""Triage: finds out what a customer wants and hands over; asks once when it cannot tell."""

from __future__ import annotations

from typing import Literal

from tasks.agents.card import AgentCard, HandOver


class ToSpecialist(HandOver):
    """Hand the conversation over to the specialist for the customer's matter."""

    to: Literal["refund", "technical", "billing"]


TRIAGE = AgentCard(name="triage", duty="Finding out what the customer wants", hand_over=ToSpecialist, answers=False)
