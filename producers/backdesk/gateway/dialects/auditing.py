"""The audit log of protocols that have one address for everything: what was done, and nothing of what was read."""

from __future__ import annotations

from starlette.types import Scope

from backdesk.gateway.access.audit import CALLER, NEEDED
from backdesk.gateway.access.caller import Caller
from backdesk.gateway.access.caller import Scope as May


def note(scope: Scope, caller: Caller, needed: May, **named: str) -> None:
    """Have a request noted as one that did something, which needed a scope, with what it names."""
    scope.setdefault("state", {}).update({CALLER: caller, NEEDED: needed})
    scope["path_params"] = {**(scope.get("path_params") or {}), **named}
