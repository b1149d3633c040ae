"""What the agent does at which method. Nothing is kept here: tasks are jobs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.server.events import Event
from a2a.server.request_handlers.request_handler import RequestHandler, validate_request_params
from a2a.types.a2a_pb2 import (
    AgentCard,
    CancelTaskRequest,
    DeleteTaskPushNotificationConfigRequest,
    GetExtendedAgentCardRequest,
    GetTaskPushNotificationConfigRequest,
    GetTaskRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTaskPushNotificationConfigsResponse,
    ListTasksRequest,
    ListTasksResponse,
    Message,
    SendMessageRequest,
    SubscribeToTaskRequest,
    Task,
    TaskPushNotificationConfig,
    TaskState,
)
from a2a.utils.errors import PushNotificationNotSupportedError, UnsupportedOperationError
from a2a.utils.task import apply_history_length, validate_history_length, validate_page_size

from backdesk.gateway.access.caller import Caller, Scope
from backdesk.gateway.dialects.a2a.card import card_of
from backdesk.gateway.dialects.a2a.errors import told
from backdesk.gateway.dialects.a2a.frames import Frames
from backdesk.gateway.dialects.a2a.messages import ask_of, decision_of, kind_of, wish_of
from backdesk.gateway.dialects.a2a.tasks import task_of
from backdesk.gateway.dialects.asks import answer, meant, open_asks
from backdesk.gateway.dialects.auditing import note
from backdesk.gateway.dialects.waiting import wait
from backdesk.gateway.exchange import Exchange
from backdesk.gateway.service import Gateway
from backdesk.worker.errors import UnknownKind
from backdesk.worker.model.chat import Chat
from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.job import JobRecord, JobState

#: What a call's context keeps: the gateway, who calls, and the address that they know it by.
GATEWAY, CALLER, BASE_URL = "backdesk_gateway", "backdesk_caller", "backdesk_base_url"
#: And the scope of its request.
SCOPE = "backdesk_scope"
PAGE = 50
#: So long a cancelled task may take to end before its caller is told how it stands. Seconds.
CANCEL_S = 10.0
_WITH_INDEX = {
    TaskState.TASK_STATE_WORKING: None,
    TaskState.TASK_STATE_INPUT_REQUIRED: JobState.WAITING,
    TaskState.TASK_STATE_AUTH_REQUIRED: JobState.WAITING,
    TaskState.TASK_STATE_COMPLETED: JobState.SUCCEEDED,
    TaskState.TASK_STATE_CANCELED: JobState.CANCELLED,
}


class Agent(RequestHandler):
    """The methods of the protocol, by the exchange that a call's context brings."""

    @validate_request_params
    async def on_message_send(self, params: SendMessageRequest, context: ServerCallContext) -> Task | Message:
        """Have a job done, or answer what one asks; return its task once it has ended or asks, or at once."""
        validate_history_length(params.configuration)
        with told():
            turn = _Turn(context)
            record = await turn.take(params)
            if not params.configuration.return_immediately:
                record = await wait(turn.exchange, turn.caller, record.id, turn.gateway.settings.max_wait_s)
            return apply_history_length(await turn.task(record), params.configuration)

    @validate_request_params
    async def on_message_send_stream(
        self, params: SendMessageRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event]:
        """Do the same, and tell what happens meanwhile."""
        with told():
            turn = _Turn(context)
            record = await turn.take(params)
            async with aclosing(turn.events(record)) as events:
                async for event in events:
                    yield event

    @validate_request_params
    async def on_subscribe_to_task(
        self, params: SubscribeToTaskRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event]:
        """Tell what happens to a task from here on; how it stands comes first."""
        with told():
            turn = _Turn(context)
            record = await turn.exchange.record(turn.caller, params.id)
            if record.done:
                raise UnsupportedOperationError(message=f"the task has ended: it is {record.state}")
            async with aclosing(turn.events(record)) as events:
                async for event in events:
                    yield event

    @validate_request_params
    async def on_get_task(self, params: GetTaskRequest, context: ServerCallContext) -> Task | None:
        """Return how a task stands."""
        validate_history_length(params)
        with told():
            turn = _Turn(context)
            return apply_history_length(await turn.task(await turn.exchange.record(turn.caller, params.id)), params)

    @validate_request_params
    async def on_list_tasks(self, params: ListTasksRequest, context: ServerCallContext) -> ListTasksResponse:
        """Return a page of tasks, the newest first. A page may hold fewer than fit when others were looked through."""
        size = params.page_size or PAGE
        validate_page_size(size)
        with told():
            turn = _Turn(context)
            turn.caller.demand(Scope.READ)
            page = await turn.gateway.client.list(
                state=_WITH_INDEX.get(params.status),
                tenant=turn.caller.only(None),
                limit=size,
                cursor=params.page_token or None,
            )
            chats = await turn.chats()
            tasks = [
                apply_history_length(task, params)
                for record in page
                if _fits(task := task_of(record, chats.get(record.kind), turn.caller, result=record.result), params)
            ]
        return ListTasksResponse(tasks=tasks, next_page_token=page.cursor or "", page_size=size, total_size=len(tasks))

    @validate_request_params
    async def on_cancel_task(self, params: CancelTaskRequest, context: ServerCallContext) -> Task | None:
        """End a task, and return it when it has ended, or soon."""
        with told():
            turn = _Turn(context)
            await turn.exchange.cancel(turn.caller, params.id)
            turn.note(Scope.SUBMIT, job_id=params.id, cancel="yes")
            return await turn.task(await turn.exchange.wait(turn.caller, params.id, CANCEL_S))

    async def on_get_extended_agent_card(
        self, params: GetExtendedAgentCardRequest, context: ServerCallContext
    ) -> AgentCard:
        """Return the card with the skills that are there for the caller."""
        with told():
            turn = _Turn(context)
            kinds = await turn.exchange.kinds(turn.caller)
            return card_of(context.state[BASE_URL], kinds, kind=params.tenant or None)

    async def on_create_task_push_notification_config(
        self, params: TaskPushNotificationConfig, context: ServerCallContext
    ) -> TaskPushNotificationConfig:
        """Refuse: webhooks are endpoints of a tenant, and the card says that tasks have none."""
        raise PushNotificationNotSupportedError

    async def on_get_task_push_notification_config(
        self, params: GetTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> TaskPushNotificationConfig:
        """Refuse, as above."""
        raise PushNotificationNotSupportedError

    async def on_list_task_push_notification_configs(
        self, params: ListTaskPushNotificationConfigsRequest, context: ServerCallContext
    ) -> ListTaskPushNotificationConfigsResponse:
        """Refuse, as above."""
        raise PushNotificationNotSupportedError

    async def on_delete_task_push_notification_config(
        self, params: DeleteTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> None:
        """Refuse, as above."""
        raise PushNotificationNotSupportedError


def _fits(task: Task, params: ListTasksRequest) -> bool:
    if params.HasField("status_timestamp_after"):
        after = params.status_timestamp_after.ToNanoseconds()
        if task.status.timestamp.ToNanoseconds() <= after:
            return False
    return params.status in {TaskState.TASK_STATE_UNSPECIFIED, task.status.state} and params.context_id in {
        "",
        task.context_id,
    }


class _Turn:
    """One call, by one caller."""

    def __init__(self, context: ServerCallContext) -> None:
        self.gateway: Gateway = context.state[GATEWAY]
        self.caller: Caller = context.state[CALLER]
        self._scope = context.state[SCOPE]
        self.exchange: Exchange = self.gateway.exchange

    async def take(self, params: SendMessageRequest) -> JobRecord:
        """Take a message: as the answer to what a task asks, if it names one, or else as a wish for a job."""
        message = params.message
        if message.task_id:
            record = await self.exchange.record(self.caller, message.task_id)
            self.caller.demand(Scope.OPERATE)
            ask = meant(record, ask_of(message))
            decision, remark = decision_of(message, ask)
            await answer(self.exchange, self.caller, record.id, ask, decision, note=remark)
            self.note(Scope.OPERATE, job_id=record.id, ask=ask.name)
            return await self.exchange.record(self.caller, record.id)
        self.caller.demand(Scope.SUBMIT)
        kinds = {each.kind: each for each in await self.exchange.kinds(self.caller)}
        wish = wish_of(message, kind_of(params, kinds))
        job = await self.exchange.submit(
            self.caller,
            wish.kind,
            wish.request,
            idempotency_key=wish.message_id,
            conversation_id=wish.context_id,
        )
        self.note(Scope.SUBMIT, kind=wish.kind, job_id=job.id)
        return await self.exchange.record(self.caller, job.id)

    def note(self, needed: Scope, **named: str) -> None:
        """Have the call noted in the audit log as one that did something."""
        note(self._scope, self.caller, needed, **named)

    async def events(self, record: JobRecord) -> AsyncGenerator[Event]:
        """Yield how a task stands, and what happens from then on, until it has ended or asks something."""
        frames = Frames(record, await self.chat(record.kind), self.caller)
        so_far, _ = await self.exchange.events(self.caller, record.id)
        for event in so_far:
            if event.seq <= record.events:
                frames.read(event, record.result)
        yield await self.task(record, frames.text)
        if record.done or open_asks(record):
            return
        following = self.exchange.follow(self.caller, record.id, record.events)
        async with aclosing(following) as events:  # type: ignore[type-var]  # it is a generator
            async for event in events:
                for frame in frames.read(event, await self._result(event)):
                    yield frame
                if frames.interrupted:
                    return

    async def task(self, record: JobRecord, text: str = "") -> Task:
        """Return a job as a task, also with a result that is too large for its record."""
        result = record.result
        if record.state is JobState.SUCCEEDED and record.result_blob is not None:
            result = await self.gateway.client.result(record.id, 0)
        return task_of(record, await self.chat(record.kind), self.caller, result=result, text=text)

    async def chat(self, kind: str) -> Chat | None:
        """Return how a kind is talked to; None also for one that no worker has any more."""
        try:
            return (await self.exchange.kind(self.caller, kind)).chat
        except UnknownKind:
            return None

    async def chats(self) -> dict[str, Chat | None]:
        """Return how each kind is talked to."""
        return {each.kind: each.chat for each in await self.exchange.kinds(self.caller)}

    async def _result(self, event: JobEvent) -> Any:
        if not event.data.get("result_omitted"):
            return None
        return await self.gateway.client.result(event.job_id, 0)
