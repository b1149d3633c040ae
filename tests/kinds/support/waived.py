"""The service desk as a deployment has it that asks no customer before a refund: for tests of all that comes after."""

from __future__ import annotations

from dataclasses import replace

from backdesk.kinds.support.kind import SUPPORT

WAIVING = replace(SUPPORT, waives_below_cents=1_000_000)
