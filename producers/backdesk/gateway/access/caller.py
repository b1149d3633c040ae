"""Who calls, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass

from backdesk.gateway.errors import Forbidden
from backdesk.worker.model.access import Scope
from backdesk.worker.model.job import DEFAULT_TENANT

__all__ = ["Caller", "Scope"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who was let in. `tenant` is the only one whose jobs they know of, None stands for all.

    `name` is what they are called where something is told to be done by them, `key_id` the key or session that let them
    in, `way` how (`key`, `session`, `link`, `issuer`, or `local` where there are no keys), and `address` the machine
    they call from.
    """

    name: str
    scope: Scope
    tenant: str | None = None
    key_id: str = ""
    address: str = ""
    way: str = "local"

    def may(self, scope: Scope) -> bool:
        """Return whether this is within what they may do."""
        return self.scope.includes(scope)

    def demand(self, scope: Scope) -> None:
        """Raise Forbidden unless this is within what they may do."""
        if not self.may(scope):
            raise Forbidden(scope, self.scope)

    def sees(self, tenant: str) -> bool:
        """Return whether jobs of this tenant are theirs to know of."""
        return self.tenant is None or self.tenant == tenant

    def tenant_of(self, named: str | None) -> str:
        """Return whose job is meant by one who named this tenant, or none. Raises Forbidden for another's."""
        if named is None:
            return self.tenant or DEFAULT_TENANT
        self.demand_tenant(named)
        return named

    def only(self, named: str | None) -> str | None:
        """Return the tenant to which a list is narrowed, None for all. Raises Forbidden for another's."""
        if named is None:
            return self.tenant
        self.demand_tenant(named)
        return named

    def demand_tenant(self, tenant: str) -> None:
        """Raise Forbidden for a tenant that is not theirs."""
        if not self.sees(tenant):
            raise Forbidden.of_tenant(tenant)

    def demand_all_tenants(self) -> None:
        """Raise Forbidden unless they may act for the deployment as a whole."""
        if self.tenant is not None:
            raise Forbidden.of_tenant("*")
