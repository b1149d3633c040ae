"""What the agent says of itself. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version

from a2a.types.a2a_pb2 import (
    AgentCapabilities,
    AgentCard,
    AgentInterface,
    AgentSkill,
    HTTPAuthSecurityScheme,
    SecurityRequirement,
    SecurityScheme,
    StringList,
)

from backdesk.worker.model.contract import KindContract

JSON_RPC, REST = "/a2a", "/a2a/rest"
VERSIONS = ("1.0", "0.3")
MODES = ("text/plain", "application/json")
DESCRIPTION = "Durable work by agents: each message is a job that survives crashes, and may ask people on its way."

#: What strangers are told that it can do: a card must name a skill.
_ANY = AgentSkill(id="jobs", name="jobs", description=f"{DESCRIPTION} Bring a key to see its skills.", tags=["jobs"])


def card_of(base_url: str, kinds: Iterable[KindContract], *, kind: str | None = None) -> AgentCard:
    """Return the card of the agent at an address, with a skill for each of these kinds that can be talked to.

    With a `kind`, its clients name that with each request, as the tenant of the interface.
    """
    skills = [skill_of(each) for each in kinds if each.chat is not None and kind in {None, each.kind}]
    base = base_url.rstrip("/")
    interfaces = [
        AgentInterface(url=base + path, protocol_binding=binding, protocol_version=spoken, tenant=kind or "")
        for binding, path in (("JSONRPC", JSON_RPC), ("HTTP+JSON", REST))
        for spoken in VERSIONS
    ]
    return AgentCard(
        name=kind or "backdesk",
        description=(skills[0].description if kind and skills else "") or DESCRIPTION,
        version=version("backdesk"),
        supported_interfaces=interfaces,
        capabilities=AgentCapabilities(streaming=True, push_notifications=False, extended_agent_card=True),
        security_schemes={"key": SecurityScheme(http_auth_security_scheme=HTTPAuthSecurityScheme(scheme="bearer"))},
        security_requirements=[SecurityRequirement(schemes={"key": StringList()})],
        default_input_modes=MODES,
        default_output_modes=MODES,
        skills=skills or [_ANY],
    )


def skill_of(contract: KindContract) -> AgentSkill:
    """Return a kind as a skill; its id is the name of the kind."""
    return AgentSkill(
        id=contract.kind,
        name=contract.kind,
        description=contract.description or f"Has a job of the kind {contract.kind} done.",
        tags=contract.kind.split("."),
    )
