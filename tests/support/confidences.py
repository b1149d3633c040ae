"""What a customer tells that is not to be kept, and each part of it that must be nowhere."""

from __future__ import annotations

SECRETS = (
    "4111 1111 1111 1111",
    "536-22-1234",
    "DE89 3704 0044 0532 0130 00",
    "ada.lovelace@example.com",
    "+49 30 901820",
    "sk-proj-abcdefghijklmnopqrstuvwx",
)
TOLD = "Order 10003: my card is {}, my SSN {}, my account {}, I am {} or {}, and the key is {}.".format(*SECRETS)
KEPT = (
    "Order 10003: my card is [masked-card], my SSN [masked-ssn], my account [identity number], I am [masked-email] or "
    "[masked-telephone], and the key is [masked]."
)


def found_in(text: str) -> list[str]:
    """Return which of the secrets a text has."""
    return [secret for secret in SECRETS if secret in text]
