"""What `backdesk health --deep` asks: the model, what tools depend on, the store of blobs, and how much is kept."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from backdesk.cli.commands.declared_tools import declared
from backdesk.cli.commands.doctor import show_findings
from backdesk.cli.commands.examinations import Finding, Level
from backdesk.cli.commands.sizes import Size, Sizes, sizes_of
from backdesk.cli.commands.tool_findings import ELSEWHERE, not_loaded, title_of
from backdesk.cli.output import Output
from backdesk.client import JobClient
from backdesk.client.deployment import Deployment
from backdesk.kinds.settings_index import NotLoaded, all_settings
from backdesk.platform.dependency import Dependency
from backdesk.platform.reachability import Reach, Reached, check_all
from backdesk.platform.settings import load_settings
from backdesk.platform.tool_settings import read, secrets_of
from backdesk.worker.address import NO_BLOBS
from backdesk.worker.errors import BackdeskError, ConfigurationError
from backdesk.worker.submit.blob_access import blobs_of

if TYPE_CHECKING:
    from backdesk.agents.declared import Declared
    from backdesk.agents.model_check import ModelAnswer

#: How long anything is waited for. Seconds.
WITHIN_S = 15.0
_LOOK_UP = "see docs/errors.md for the code"
#: What to do about a model, by the code of its failure.
_FIXES = {
    "model_auth": "put a key that it takes into OPENAI_API_KEY",
    "model_not_found": "set BACKDESK_MODEL to a model that is there",
    "model_quota": "see to the account of the provider",
    "model_unavailable": "see that OPENAI_BASE_URL is right, and that it can be reached from here",
    "model_timeout": "see that OPENAI_BASE_URL is right, and that the model answers there",
}
MIB = 1024 * 1024
_LEVELS = {
    Reach.REACHED: Level.OK,
    Reach.FAILED: Level.FAIL,
    Reach.DOUBTFUL: Level.WARN,
    Reach.UNKNOWN: Level.WARN,
}


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
    tools = declared(deployment.settings)
    models = _beside(_models())
    dependencies = [*_dependencies(deployment, tools)]
    return Deep([*models(), *dependencies, told], kept)


#: Asks for what was found.
Ask = Callable[[], Iterable[Finding]]


def _beside(ask: Ask) -> Ask:
    """Begin to ask, and return what waits for the answer, not much longer than the time."""
    answers: queue.SimpleQueue[list[Finding]] = queue.SimpleQueue()

    def begin() -> None:
        try:
            answers.put([*ask()])
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it is what was asked
            answers.put([Finding("model", Level.FAIL, f"{type(error).__name__}: {error}", _LOOK_UP)])

    def wait() -> list[Finding]:
        try:
            return answers.get(timeout=WITHIN_S)
        except queue.Empty:
            return [Finding("model", Level.FAIL, f"did not answer within {WITHIN_S:g} s", _FIXES["model_timeout"])]

    threading.Thread(target=begin, daemon=True).start()
    return wait


def _models() -> Ask:
    """Return what asks the models; what it takes for that is loaded by then."""
    try:
        settings = load_settings()
        if settings.offline:
            return lambda: [Finding("model", Level.OK, "none is configured here: rules answer")]
        # By its name: the command line does without the library of agents, unless it is there and is asked for this.
        check_models = import_module("backdesk.agents.model_check").check_models
    except ConfigurationError as error:
        wrong = Finding("model", Level.FAIL, str(error), "correct the variable; workers refuse to answer with it")
    except ImportError as error:
        wrong = Finding("model", Level.WARN, f"cannot be asked here: {error}", ELSEWHERE)
    else:
        return lambda: _answers(check_models(settings, WITHIN_S))
    return lambda: [wrong]


def _answers(answers: Iterable[ModelAnswer]) -> Iterator[Finding]:
    for answer in answers:
        took = f"{answer.seconds:.2f} s, {answer.tokens} tokens"
        cost = "" if answer.cost_usd is None else f", {answer.cost_usd:.6f} USD"
        detail = answer.failure or f"answers: {took}{cost}"
        fix = _fix_of(answer.failure) if answer.failure else ""
        yield Finding(f"model {answer.name}", Level.FAIL if answer.failure else Level.OK, detail, fix)


def _fix_of(failure: str) -> str:
    return next((fix for code, fix in _FIXES.items() if failure.startswith(f"[{code}]")), _LOOK_UP)


def _dependencies(deployment: Deployment, tools: Sequence[Declared] | Finding) -> Iterator[Finding]:
    """Yield a finding for each dependency of tools and kinds, and for the store of blobs; asked all at once."""
    asked: list[tuple[str, Dependency]] = []
    for kind in all_settings():
        if isinstance(kind, NotLoaded):
            yield not_loaded(kind)
            continue
        try:
            its = read(kind)
            secrets = partial(secrets_of, its)
            asked += [(title_of(kind), replace(dependency, secrets=secrets)) for dependency in its.dependencies()]
        except ConfigurationError as error:
            yield Finding(title_of(kind), Level.FAIL, str(error), "correct the variable; its jobs fail with it")
    if isinstance(tools, Finding):
        yield tools
    else:
        asked += [(each.title, each.dependency) for each in tools]
    asked.append(("blobs", Dependency("store", _blobs(deployment))))
    for (title, _), reached in zip(asked, check_all([each for _, each in asked], WITHIN_S), strict=True):
        yield _of(title, reached)


def _of(title: str, reached: Reached) -> Finding:
    detail = f"{reached.told} ({reached.seconds:.2f} s)" if reached.reach is Reach.REACHED else reached.told
    fix = ELSEWHERE if reached.reach is Reach.UNKNOWN else reached.fix
    return Finding(f"{title}: {reached.dependency.name}", _LEVELS[reached.reach], detail, fix)


def _blobs(deployment: Deployment) -> Callable[[], str]:
    def check() -> str:
        if deployment.settings.blobs_url == NO_BLOBS:
            return "off"
        store = blobs_of(deployment.settings, deployment.url).store
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
