"""Policies: what is set for tenants, kinds and queues, changed so that two writers cannot undo each other's change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Calls, Commands, Operation
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.tenancy import NO_LIMIT, JobLimits, TenantSettings, read_policy
from backdesk.worker.store.calls import text

#: Said in place of a value: it is not set any more, so that what applies to every tenant counts, or what is built in.
AS_DEFAULT = "default"

Settings = TypeVar("Settings", bound=JobLimits)

_MEANT = {
    "max_running": "must be a whole number from 0 on, which pauses",
    "rate": "must be a number per s, m, h or d, such as 60/m, and at most 100000 per second",
    "burst": "must be a whole number from 1 to 1000000",
    "weight": "must be a number from 0.01 to 1000",
    "tokens_per_day": "must be a whole number from 1 on",
    "cost_per_day_usd": "must be dollars over 0, in millionths at least, such as 5.00",
    "on_budget": "must be fail, approve or cheaper",
    "kinds": "must be names of kinds",
    "priority": "must be a whole number from 0 to 9",
}


def change_policy(
    core: JobOperations, scope: str, sort: type[Settings], changes: Mapping[str, Any], tenant: str = ""
) -> Operation[Settings]:
    """Change what is set for a scope, and return all of it. Raises InvalidRequest before anything is written."""
    settings = yield from rewrite_policy(core, scope, lambda origin: merged(sort, origin, changes), tenant)
    assert settings is not None  # noqa: S101 - what is merged is always something
    return settings


def rewrite_policy(
    core: JobOperations, scope: str, rewrite: Callable[[str], Settings | None], tenant: str = ""
) -> Operation[Settings | None]:
    """Set for a scope what `rewrite` makes of the policy before ("" for none); None removes it. Returns it."""
    changed = None
    while changed is None:  # until nobody has changed it between reading and writing
        (raw,) = yield Commands([("HGET", core.keys.policy, scope)])
        origin = text(raw) if raw else ""
        settings = rewrite(origin)
        stored = settings.stored if isinstance(settings, TenantSettings) else None
        # A tenant without settings of its own is one that is set up; limits of nothing are none.
        policy = settings.policy if settings and (tenant or settings.model_fields_set) else ""
        pause = settings.paused.model_dump_json() if settings and settings.paused else ""
        configure = core.transitions.configure(scope, policy, tenant, stored, pause=pause, origin=origin)
        (changed,) = yield Calls([configure])
    return settings


def merged(sort: type[Settings], policy: str, changes: Mapping[str, Any]) -> Settings:
    """Return settings of a policy ("" for none) with changes: None leaves a setting, `default` takes it away."""
    given = {name: value for name, value in changes.items() if value is not None}
    fields = (read_policy(policy) if policy else {}) | given
    if given.get("rate") in (AS_DEFAULT, NO_LIMIT) and "burst" not in given:
        fields.pop("burst", None)  # it was about the rate before
    return checked(sort, {name: value for name, value in fields.items() if value != AS_DEFAULT})


def checked(sort: type[Settings], fields: Mapping[str, Any]) -> Settings:
    """Return settings; raises InvalidRequest with what each wrong field must be."""
    try:
        return sort(**fields)
    except ValidationError as error:
        raise InvalidRequest.of(dict(map(_reason, error.errors(include_url=False)))) from None


def _reason(error: Any) -> tuple[str, str]:
    if not error["loc"]:
        field, _, reason = error["msg"].removeprefix("Value error, ").partition(": ")
        return field, reason
    field = str(error["loc"][0])
    return field, _MEANT.get(field, error["msg"])


def policies(
    core: JobOperations, sort: type[Settings], belongs: Callable[[str], bool]
) -> Operation[dict[str, Settings]]:
    """Return what is set, by scope, for the scopes that belong there."""
    (raw,) = yield Commands([("HGETALL", core.keys.policy)])
    found = {text(scope): text(policy) for scope, policy in raw.items()}
    return {scope: sort(**read_policy(found[scope])) for scope in sorted(found) if belongs(scope)}
