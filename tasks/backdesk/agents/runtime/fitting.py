"""Models that fit what an agent offers to the API of their server once, not at each request.

The library rewrites the schema of each tool, and of a structured answer, each time; an agent offers always the same.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

from openai import AsyncOpenAI
from pydantic_ai import ToolDefinition
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.output import OutputObjectDefinition


class Fitting(Model[AsyncOpenAI]):
    """Keeps what became of what was offered last under the same names."""

    @cached_property
    def _fitted(self) -> dict[tuple[str, ...], tuple[_Offer, _Offer]]:
        return {}

    def customize_request_parameters(self, model_request_parameters: ModelRequestParameters) -> ModelRequestParameters:
        """Return what the server is offered."""
        offer = _Offer.of(model_request_parameters)
        known, fitted = self._fitted.get(offer.names, (None, offer))
        if known != offer:
            fitted = _Offer.of(super().customize_request_parameters(model_request_parameters))
            self._fitted[offer.names] = offer, fitted
        return replace(model_request_parameters, **fitted._asdict())


class ResponsesModel(Fitting, OpenAIResponsesModel):
    """A model behind the Responses API."""


class _Offer(NamedTuple):
    function_tools: list[ToolDefinition]
    output_tools: list[ToolDefinition]
    output_object: OutputObjectDefinition | None

    @classmethod
    def of(cls, parameters: ModelRequestParameters) -> _Offer:
        return cls(parameters.function_tools, parameters.output_tools, parameters.output_object)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(tool.name for tool in (*self.function_tools, *self.output_tools))
