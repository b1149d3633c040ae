"""A model whose answers are kept in the ledger, and whose requests the job may make."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from agents import Model, ModelBehaviorError, ModelResponse, ModelSettings, Usage, UserError
from agents.items import TResponseStreamEvent
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from backdesk.agents import GuestJob, GuestModel, metered_request
from backdesk.worker import Effect
from openai_agents_backdesk.tools import StepUnreadable
from openai_agents_backdesk.wire import telling

_RESPONSE = TypeAdapter(ModelResponse)


class LedgerModel(Model):
    """The model of one agent, within a job."""

    def __init__(self, job: GuestJob, agent: str, inner: Model) -> None:
        self._job = job
        self._agent = agent
        self._inner = inner

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        """Return the answer to a request, from the ledger if there is one."""
        key = self._job.names.next(f"{self._agent}__model")
        kept = await self._job.step(key, lambda: self._ask(_named(args) | kwargs), Effect.IDEMPOTENT)
        try:
            response = _RESPONSE.validate_python(kept["response"])
        except (ValidationError, KeyError, TypeError) as error:
            raise StepUnreadable(f"an answer that was kept is none of today's: {error}") from None
        self._job.answered(response.usage.input_tokens, response.usage.output_tokens, kept.get("cost_usd"))
        return response

    def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[TResponseStreamEvent]:
        """Refuse: what is streamed past the ledger is not kept."""
        raise UserError(
            "Runner.run_streamed is not possible in a job of backdesk: call openai_agents_backdesk.run; whoever "
            "watches the job is told the text as it comes"
        )

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        job, settings = self._job, request["model_settings"]
        size = len(to_json([request[name] for name in ("system_instructions", "input")], fallback=str))
        size += sum(len(to_json(getattr(tool, "params_json_schema", None), fallback=str)) for tool in request["tools"])
        known = _known(self._inner)
        meter = metered_request(job.ctx, known, self._agent, job.reporter, size=size, wanted=settings.max_tokens)
        async with meter as asked:
            if asked.most_tokens is not None:
                request = {**request, "model_settings": replace(settings, max_tokens=asked.most_tokens)}
            with telling(asked.sent, self._inner, known.name, request):
                response = await self._answer(request)
            used = response.usage
            cached = used.input_tokens_details.cached_tokens or 0
            cost = asked.answered(used.input_tokens, used.output_tokens, cached)
        # Only what was set: items are sent again as they came.
        return {"response": _RESPONSE.dump_python(response, mode="json", exclude_unset=True), "cost_usd": cost}

    async def _answer(self, request: dict[str, Any]) -> ModelResponse:
        if not self._job.reporter.watched:
            return await self._inner.get_response(**request)
        try:
            events = self._inner.stream_response(**request)
            return await self._told(events, request["model_settings"])
        except NotImplementedError:
            return await self._inner.get_response(**request)

    async def _told(self, events: AsyncIterator[TResponseStreamEvent], settings: ModelSettings) -> ModelResponse:
        items: list[Any] = []
        begins = True
        async for event in events:
            match event.type:
                case "response.output_text.delta":
                    self._job.reporter.text(event.delta, begins=begins)
                    begins = False
                case "response.output_item.done":
                    items.append(event.item)
                case "response.completed":
                    used = event.response.usage
                    usage = Usage(requests=1) if used is None else _usage(used)
                    return ModelResponse(event.response.output or items, usage, event.response.id)
        raise ModelBehaviorError("the answer broke off")


#: The names of what the SDK hands over by position.
_BY_POSITION = ("system_instructions", "input", "model_settings", "tools", "output_schema", "handoffs", "tracing")


def _named(args: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(_BY_POSITION, args, strict=False))


def _usage(used: Any) -> Usage:
    return Usage(
        requests=1,
        input_tokens=used.input_tokens,
        input_tokens_details=used.input_tokens_details,
        output_tokens=used.output_tokens,
        output_tokens_details=used.output_tokens_details,
        total_tokens=used.total_tokens,
    )


def _known(model: Model) -> GuestModel:
    """Say what limits and prices know a model by; one of another maker by the name of its class."""
    client = getattr(model, "_client", None)
    name = str(getattr(model, "model", type(model).__name__))
    address, secret = getattr(client, "base_url", None), getattr(client, "api_key", None)
    return GuestModel(name, None if address is None else str(address), secret=secret if isinstance(secret, str) else "")
