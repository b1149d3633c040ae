"""The Celery application: `celery -A backdesk.worker.app worker`, `celery -A backdesk.worker.app flower`.

Celery is the engine of processes, pools, remote control and monitoring. What it does not do here: keep jobs, retry,
delay, limit. Those are the job store's.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from functools import cached_property
from typing import Any

import redis
from celery import Celery, Task
from celery.apps.worker import Worker
from celery.exceptions import Ignore, Retry
from celery.signals import (
    setup_logging,
    task_postrun,
    task_prerun,
    task_success,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
)
from celery.worker import state
from kombu import Queue
from pydantic_core import from_json

from backdesk.worker.attempt.executor import begin, execute
from backdesk.worker.attempt.preparation import prepare
from backdesk.worker.attempt.registry import REGISTRY, TaskSpec
from backdesk.worker.celery import patches, pool, prefork, remote_control
from backdesk.worker.celery.broker import configure_broker
from backdesk.worker.celery.handover import Handover
from backdesk.worker.celery.redelivery import Redelivery
from backdesk.worker.celery.revocation import Revocation
from backdesk.worker.celery.shutdown import Shutdown
from backdesk.worker.embedded.discovery import find_running
from backdesk.worker.errors import ConfigurationError, NotPermitted, TaskError
from backdesk.worker.model.contract import ModelCheck
from backdesk.worker.model.job import (
    Cancelled,
    Deferred,
    Expired,
    Failed,
    HandedOver,
    Leaving,
    Outcome,
    Retried,
    Succeeded,
    Waiting,
)
from backdesk.worker.process.logging import configure_logging
from backdesk.worker.process.state import close_current_process, current_process, held_process
from backdesk.worker.services.supervisor import Supervisor
from backdesk.worker.settings import Settings, celery_queue, load_settings
from backdesk.worker.store.attempts import load_scripts
from backdesk.worker.store.connection import connect, explained, is_denied
from backdesk.worker.store.rights import RightsCalls
from backdesk.worker.store.scripts import run
from backdesk.worker.telemetry import tracing as telemetry

log = logging.getLogger(__name__)


#: By what name workers are known to a collector, unless OTEL_SERVICE_NAME says otherwise.
SERVICE = "backdesk-worker"
#: What Celery tells in the process of a task that ran well, or had nothing to run.
_SIGNALS_OF_A_GOOD_END = (task_prerun, task_success, task_postrun)


class JobTask(Task):
    """A kind of job as Celery sees it. Its message says which job; everything else comes from the job store."""

    abstract = True
    #: The reason of a failed job is in its record; Celery need not log it as an accident.
    throws = (TaskError,)
    Request = "backdesk.worker.celery.consumer:JobRequest"
    Strategy = "backdesk.worker.celery.strategy:deliveries"
    spec: TaskSpec

    @property
    def on_loop(self) -> bool:
        """Whether a pool for coroutines begins it and runs it afterwards."""
        return self.spec.is_async

    def begin(self, job_id: str, worker: str, attempt: pool.Attempt) -> None:
        """Start an attempt on the event loop and return at once; `attempt` gets what it comes to."""
        begin(current_process(settings, CHECKS), self.spec, job_id, worker, attempt, slot=attempt)

    def is_unheard(self, outcome: Outcome | None) -> bool:
        """Whether an attempt has ended so that nobody in this process would hear of it from Celery."""
        heard = any(signal.receivers for signal in _SIGNALS_OF_A_GOOD_END)
        return not heard and isinstance(outcome, Succeeded | None)

    def run(self, *_args: Any, **_kwargs: Any) -> Any:
        """Run one attempt, or tell of one that has ended. The arguments are not used: chains add to them."""
        request, attempt = self.request, pool.ended_attempt.get()
        if attempt is None:
            process = current_process(settings, CHECKS)
            outcome = execute(process, self.spec, request.id, request.hostname or "unknown")
        else:
            outcome = attempt.result()
        if outcome is None:
            raise Ignore
        if isinstance(outcome, Failed | Cancelled | Expired):
            raise TaskError(outcome.failure.code, outcome.failure.message)
        if isinstance(outcome, Leaving):
            # Nothing is published: the job store has it. Celery's side of the attempt ends, and Flower shows why.
            reason = _reason(outcome)
            raise Left(reason, exc=TaskError("left", reason))
        wanted = not request.ignore_result or request.callbacks or request.chain or request.chord
        if outcome.blob:  # Celery's results are in Redis, too
            return {"result_blob": from_json(outcome.blob)} if wanted else None
        return from_json(outcome.result) if wanted else None


class Left(Retry):
    """An attempt that left its job. Celery's own words for it name everything but the reason."""

    def __repr__(self) -> str:
        return str(self.message)


def _reason(leaving: Leaving) -> str:
    match leaving:
        case Retried(failure, delay_s):
            return f"[{failure.code}] {failure.message}; again in {delay_s:.1f} s"
        case Deferred(failure, delay_s):
            return f"{failure.message}; again in {delay_s:.1f} s"
        case HandedOver():
            return "handed over: this worker is ending"
        case Waiting(awaited):
            return f"waits for {', '.join(each.ask.name for each in awaited)}"


def _taken() -> set[str]:
    """Return the ids of the jobs that Celery knows of in this worker."""
    return {*list(state.requests), *(request.id for request in list(state.active_requests))}


def _check_rights(client: redis.Redis) -> None:
    """End the program where its Redis user cannot do the work. Celery, too, needs channels: it begins anew without."""
    database = client.connection_pool.connection_kwargs.get("db", 0)
    control = f"/{database}.{app.conf.control_exchange}.pidbox"
    try:
        run(client, RightsCalls(settings).missing(control)).check(channels=True)
    except NotPermitted as error:
        raise SystemExit(str(error)) from None
    except (redis.RedisError, OSError) as error:
        # Redis may come later. That nobody may run scripts at all is no reason to wait.
        if is_denied(error):
            raise SystemExit(f"Redis cannot serve this worker: {explained(error)}") from None


class BackdeskWorker(Worker):
    """Celery's worker program, ended as `Shutdown` says: its jobs go to other workers."""

    def install_platform_tweaks(self, worker: Worker) -> None:
        """Called before the pool and the connection are started."""
        super().install_platform_tweaks(worker)
        telemetry.begin(settings, SERVICE)
        client = connect(settings.url, settings.socket_timeout_s, "shutdown")
        _check_rights(client)
        self.handover = Handover(self.hostname, client, settings, _taken)
        Shutdown(self.begin_shutdown, self.handover.hurry).install()
        remote_control.install()
        Revocation(client, settings).install()
        load_scripts()
        consumed = self.app.amqp.queues.consume_from
        prepare(REGISTRY.values(), [q for q in settings.queues if celery_queue(settings.prefix, q) in consumed])

    def begin_shutdown(self) -> None:
        """Called in a thread, perhaps before the worker is ready."""
        if process := held_process():
            process.draining = True
        if self.consumer is not None:
            for job_id in self.consumer.gathering.abandon():
                self.consumer.give_back(job_id, False)
        if supervisor := getattr(self.consumer, "supervisor", None):
            supervisor.announce_end()
        self.handover.run()


class BackdeskApp(Celery):
    """The Celery application, which a spawned child finds again in this module instead of a copy without tasks."""

    @cached_property
    def Worker(self) -> type[Worker]:  # noqa: N802 - Celery's name
        """What `celery worker` starts."""
        return self.subclass_with_self(BackdeskWorker)  # type: ignore[no-any-return]  # Celery is untyped

    def __reduce__(self) -> tuple[Callable[[], Celery], tuple[()]]:
        return _the_app, ()


def _the_app() -> Celery:
    return app


def make_app(settings: Settings) -> Celery:
    """Return the application for these settings, with every kind of the task modules registered."""
    patches.install()
    prefork.install()
    app = BackdeskApp("backdesk", set_as_current=True)
    app.conf.update(configure_broker(settings.url, _transport_options(settings)))
    app.conf.update(_configuration(settings))
    for module in settings.task_modules:
        _load(module)
    for kind, spec in REGISTRY.items():
        app.register_task(type(f"Job_{kind}", (JobTask,), {"name": kind, "spec": spec})())
    return app


def _load(module: str) -> None:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and module.startswith(error.name):
            raise ConfigurationError(f"BACKDESK_TASK_MODULES names {module!r}, which cannot be found") from error
        raise


def _transport_options(settings: Settings) -> dict[str, Any]:
    """Return how kombu waits: without time-outs a half-open connection holds the worker for ever."""
    return {
        # The main thread waits only for what Redis answers at once, and while it waits nothing is consumed.
        "socket_timeout": min(settings.socket_timeout_s, 3),
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        # Also how soon a half-open connection of the consumer is given up.
        "health_check_interval": 2,
        "client_name": "backdesk-celery",
    }


def _configuration(settings: Settings) -> dict[str, Any]:
    prefix = settings.prefix
    return {
        # Deliveries carry no work and may be lost or doubled without harm: no acknowledgement, no restore.
        "task_queues": [Queue(celery_queue(prefix, q), alias=q, no_ack=True) for q in settings.queues],
        "task_default_queue": settings.inbox,
        "task_acks_late": False,
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "worker_consumer": "backdesk.worker.celery.consumer:Consumer",
        "redis_socket_timeout": settings.socket_timeout_s,
        "redis_socket_connect_timeout": 5,
        "redis_socket_keepalive": True,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "result_expires": settings.retention_s,
        # One backend for the app. By default each pool thread builds its own at its first job, which takes longer than
        # the job; the connection pool inside is safe to share.
        "result_backend_thread_safe": True,
        "worker_disable_rate_limits": True,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        # Children start afresh: a fork would copy locks that the parent's threads hold.
        "worker_pool_start_method": "spawn",
        "worker_proc_alive_timeout": 60,
        "control_exchange": f"{prefix}.control",
        "event_exchange": f"{prefix}.events",
        "event_queue_prefix": f"{prefix}.events",
    }


@setup_logging.connect
def _set_up_logging(loglevel: int | None = None, **_: Any) -> None:
    configure_logging(settings, loglevel)


@worker_ready.connect
def _on_ready(sender: Any, **_: Any) -> None:
    sender.supervisor = Supervisor.of(sender, settings, REGISTRY)
    sender.supervisor.start()
    sender.give_back = Redelivery(connect(settings.url, settings.socket_timeout_s, "redelivery"), settings).give_back


@worker_shutdown.connect
def _on_shutdown(sender: Any, **_: Any) -> None:
    supervisor = getattr(sender.consumer, "supervisor", None)
    if supervisor is not None:
        supervisor.stop()
    close_current_process()
    telemetry.end()


@worker_process_init.connect
def _on_child_start(**_: Any) -> None:
    telemetry.begin(settings, SERVICE)


@worker_process_shutdown.connect
def _on_child_shutdown(**_: Any) -> None:
    close_current_process()
    telemetry.end()


def _located(settings: Settings) -> Settings:
    """Return them with the Redis of the `backdesk up` in this folder, where they name none, as every command does."""
    running = None if settings.redis_url else find_running(settings.data_dir)
    return settings.model_copy(update={"redis_url": running}) if running else settings


settings = _located(load_settings())
app = make_app(settings)
CHECKS = {kind: ModelCheck(spec.queue, spec.request) for kind, spec in REGISTRY.items()}
