"""What `backdesk health --deep` asks: the model, what tools depend on, the store of blobs, and how much is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

from redis.exceptions import RedisError

from backdesk.cli.commands.doctor import show_findings
from backdesk.cli.commands.examinations import Finding, Level
from backdesk.cli.commands.sizes import Size, Sizes, sizes_of
from backdesk.cli.commands.tool_findings import ELSEWHERE, not_loaded, title_of
from backdesk.cli.output import Output
from backdesk.client import JobClient
from backdesk.client.deployment import Deployment
from backdesk.kinds.settings_index import NotLoaded, all_settings
from backdesk.platform.reachability import Reach, Reached, check_all
from backdesk.platform.settings import load_settings
from backdesk.platform.tool_settings import Dependency, ToolSettings, read, without_secrets
from backdesk.worker.blobs.opening import open_blobs
from backdesk.worker.errors import BackdeskError, ConfigurationError
from backdesk.worker.settings import Settings

#: How long anything is waited for. Seconds.
WITHIN_S = 15.0
MIB = 1024 * 1024
_LEVELS = {Reach.REACHED: Level.OK, Reach.FAILED: Level.FAIL, Reach.UNKNOWN: Level.WARN}


@dataclass(frozen=True, slots=True)
class Deep:
    """What was found, and how much is kept; None where Redis does not tell."""

    findings: list[Finding]
    sizes: Sizes | None

    def and_no_worker(self, detail: str) -> Deep:
        """Return it with the finding that nobody works."""
        fix = "start one: backdesk worker agents, or everything: backdesk up"
        return Deep([Finding("workers", Level.FAIL, detail, fix), *self.findings], self.sizes)

    def document(self) -> dict[str, Any]:
        """Return it for programs."""
        checks = [{"check": f.check, "level": f.level, "detail": f.detail, "fix": f.fix} for f in self.findings]
        return {"checks": checks, "sizes": None if self.sizes is None else asdict(self.sizes)}

    def show(self, out: Output) -> None:
        """Show it to people."""
        show_findings(self.findings, out)

    @property
    def well(self) -> bool:
        """Whether nothing has failed."""
        return all(finding.level is not Level.FAIL for finding in self.findings)


def look_deep(client: JobClient, deployment: Deployment) -> Deep:
    """Ask all of it; what fails is a finding."""
    sizes = _sizes(client, deployment)
    kept = sizes if isinstance(sizes, Sizes) else None
    told = _kept(sizes) if isinstance(sizes, Sizes) else sizes
    return Deep([*_models(), *_dependencies(deployment.settings), told], kept)


def _models() -> Iterator[Finding]:
    try:
        settings = load_settings()
        if settings.offline:
            yield Finding("model", Level.OK, "none is configured here: rules answer")
            return
        # By its name: the command line does without the library of agents, unless it is there and is asked for this.
        check_models = import_module("backdesk.agents.model_check").check_models
    except ConfigurationError as error:
        yield Finding("model", Level.FAIL, str(error), "correct the variable; workers refuse to answer with it")
        return
    except ImportError as error:
        yield Finding("model", Level.WARN, f"cannot be asked here: {error}", ELSEWHERE)
        return
    for answer in check_models(settings, WITHIN_S):
        took = f"{answer.seconds:.2f} s, {answer.tokens} tokens"
        cost = "" if answer.cost_usd is None else f", {answer.cost_usd:.6f} USD"
        detail = answer.failure or f"answers: {took}{cost}"
        fix = "see docs/errors.md for the code" if answer.failure else ""
        yield Finding(f"model {answer.name}", Level.FAIL if answer.failure else Level.OK, detail, fix)


def _dependencies(settings: Settings) -> Iterator[Finding]:
    """Yield a finding for each dependency of tools and kinds, and for the store of blobs; asked all at once."""
    asked: list[tuple[str, ToolSettings | None, Dependency]] = []
    for kind in all_settings():
        if isinstance(kind, NotLoaded):
            yield not_loaded(kind)
            continue
        try:
            its = read(kind)
            asked += [(title_of(kind), its, dependency) for dependency in its.dependencies()]
        except ConfigurationError as error:
            yield Finding(title_of(kind), Level.FAIL, str(error), "correct the variable; its jobs fail with it")
    asked.append(("blobs", None, Dependency("store", _blobs(settings))))
    for (title, whose, _), reached in zip(asked, check_all([each for *_, each in asked], WITHIN_S), strict=True):
        yield _of(title, whose, reached)


def _of(title: str, settings: ToolSettings | None, reached: Reached) -> Finding:
    told = reached.told if settings is None else without_secrets(reached.told, settings)
    fix = {Reach.FAILED: "see that it runs and can be reached from here", Reach.UNKNOWN: ELSEWHERE}
    detail = f"{told} ({reached.seconds:.2f} s)" if reached.reach is Reach.REACHED else told
    return Finding(f"{title}: {reached.dependency.name}", _LEVELS[reached.reach], detail, fix.get(reached.reach, ""))


def _blobs(settings: Settings) -> Callable[[], str]:
    def check() -> str:
        store = open_blobs(settings)
        if store is None:
            return "off"
        store.check()
        return f"{store.where} can be written and read"

    return check


def _sizes(client: JobClient, deployment: Deployment) -> Sizes | Finding:
    try:
        return sizes_of(client.redis, deployment.settings.prefix)
    except (RedisError, BackdeskError) as error:
        return Finding("kept", Level.WARN, f"what is kept cannot be counted: {error}", "allow the user SCAN and DBSIZE")


def _kept(sizes: Sizes) -> Finding:
    about = "" if sizes.exact else "about, from a sample of the keys: "
    told = ", ".join(f"{size.what} {_size(size)}" for size in sizes.families) or "nothing"
    tenants = ", ".join(f"{size.what} {_size(size)}" for size in sizes.tenants)
    return Finding("kept", Level.OK, f"{about}{told}{f'; the largest tenants: {tenants}' if tenants else ''}")


def _size(size: Size) -> str:
    weight = "" if size.bytes is None else f", {size.bytes / MIB:,.1f} MiB"
    return f"({size.keys:,} keys{weight})"
