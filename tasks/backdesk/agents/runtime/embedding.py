"""A model of embeddings on a server that speaks the OpenAI API. Loaded where one is configured and asked."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic_ai import exceptions
from pydantic_ai.embeddings import EmbeddingSettings
from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel
from pydantic_ai.providers.openai import OpenAIProvider

from backdesk.agents.failures import ModelFailure
from backdesk.agents.runtime.errors import failure_of
from backdesk.agents.runtime.online import Client

#: What every server has; base64, which the client would ask for, some have not.
_AS_NUMBERS = EmbeddingSettings(extra_body={"encoding_format": "float"})


class EmbeddingModel:
    """The model; bound to the event loop that first uses it. Nothing is sent when it is made."""

    def __init__(self, name: str, *, api_key: str | None, base_url: str | None, timeout_s: float) -> None:
        self._client = Client(api_key=api_key or "none", base_url=base_url, max_retries=0, timeout=timeout_s)
        self._model = OpenAIEmbeddingModel(
            name, provider=OpenAIProvider(openai_client=self._client), settings=_AS_NUMBERS
        )

    async def __call__(self, texts: Sequence[str]) -> tuple[Sequence[Sequence[float]], int]:
        """Return the vectors of texts in their order, and the tokens that were used. Raises ModelFailure."""
        try:
            result = await self._model.embed(list(texts), input_type="document")
        except exceptions.AgentRunError as error:
            raise failure_of(error) from error
        vectors = result.embeddings
        if len(vectors) != len(texts) or not all(vectors) or len({len(each) for each in vectors}) > 1:
            raise ModelFailure("model_misbehaved", "The model of embeddings did not return a vector for each text.")
        return vectors, result.usage.input_tokens

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()
