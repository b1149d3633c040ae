"""Has texts turned into vectors by the model that is configured for it, as a request that the job pays for."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import MutableMapping, Sequence

from backdesk.agents.contract import ModelUsage
from backdesk.agents.failures import ModelFailure
from backdesk.agents.guests.model import GuestModel, metered_request
from backdesk.agents.provider import embedding_model
from backdesk.agents.reporter import Reporter
from backdesk.agents.vectors import Vectors
from backdesk.platform.settings import TaskSettings
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.errors import Limited
from backdesk.worker.model.budget import SpendingRefused

_log = logging.getLogger(__name__)

#: As which agent its requests are told of.
NAME = "embeddings"
#: How long who asks waits for vectors, which can be done without. Seconds.
PATIENCE_S = 20.0
_UNANSWERED = (ModelFailure, Limited, SpendingRefused, TimeoutError)


class Embedding:
    """Makes vectors for one job. What they have used is noted in `used`, once for the same texts."""

    def __init__(
        self, ctx: TaskContext, settings: TaskSettings, reporter: Reporter, used: MutableMapping[str, ModelUsage]
    ) -> None:
        self._ctx = ctx
        self._settings = settings
        self._reporter = reporter
        self._used = used

    async def __call__(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of texts. A model that cannot be asked or fails makes none, and `problem` says so.

        Held to limits and budgets as any request to a model. Raises what ends an attempt.
        """
        if self._settings.embeddings_model is None or not texts:
            return Vectors()
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._ask(self._settings.embeddings_model, texts)
        except _UNANSWERED as error:
            _log.warning("no_vectors", extra={"model": self._settings.embeddings_model, "reason": repr(error)})
            return Vectors(problem=str(error) or f"the model of embeddings did not answer in {PATIENCE_S:.0f} s")

    async def _ask(self, name: str, texts: Sequence[str]) -> Vectors:
        settings = self._settings
        known = GuestModel(name, settings.address_of_embeddings, secret=settings.key_of_embeddings)
        size = sum(len(text.encode()) for text in texts)
        async with metered_request(self._ctx, known, NAME, self._reporter, size=size, wanted=1) as request:
            vectors, tokens = await embedding_model(settings)(texts)
            cost = request.answered(tokens, 0)
        usage = ModelUsage(requests=1, input_tokens=tokens, cost_usd=cost)
        self._used[f"{NAME}:{hashlib.sha256(chr(0).join(texts).encode()).hexdigest()[:24]}"] = usage
        return Vectors(vectors, name, settings.embeddings_least, usage=usage)
