"""Models behind the chat completions of the OpenAI API, with less work for each answer than the library's."""

from __future__ import annotations

from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIStreamedResponse
from pydantic_ai.models.openai._chat_completions import LenientChatCompletion  # what its models read answers by
from pydantic_ai.usage import RequestUsage

from backdesk.agents.runtime.fitting import Fitting

#: What a usage has fields for; the other numbers in it are its details.
_COUNTED = {"prompt_tokens", "completion_tokens", "total_tokens"}


class ChatModel(Fitting, OpenAIChatModel):
    """Does not check anew what the client has checked, and has no need of the Responses API to count tokens."""

    def _validate_completion(self, response: ChatCompletion) -> LenientChatCompletion:
        return response if isinstance(response, LenientChatCompletion) else super()._validate_completion(response)

    @property
    def _streamed_response_cls(self) -> type[OpenAIStreamedResponse]:
        return _Stream

    def _map_usage(self, response: ChatCompletion) -> RequestUsage:
        return usage_in(response, self.system, self.base_url, self.model_name)


class _Stream(OpenAIStreamedResponse):
    def _map_usage(self, response: ChatCompletionChunk) -> RequestUsage:
        return usage_in(response, self._provider_name, self._provider_url, self.model_name)


def usage_in(response: ChatCompletion | ChatCompletionChunk, provider: str, address: str, model: str) -> RequestUsage:
    """Return what an answer says was used.

    The library's own function looks first whether it is an answer of the Responses API: that loads 3 MB.
    """
    if response.usage is None:
        return RequestUsage(unmeasured_requests=1)
    said = response.usage.model_dump(exclude_none=True)
    details = {name: count for name, count in said.items() if name not in _COUNTED and isinstance(count, int)}
    usage = RequestUsage.extract(
        {"model": model, "usage": said},
        provider=provider,
        provider_url=address,
        provider_fallback="openai",
        api_flavor="chat",
        details=details | said.get("completion_tokens_details", {}),
    )
    if isinstance(written := said.get("prompt_tokens_details", {}).get("cache_write_tokens"), int):
        usage.cache_write_tokens = written
    return usage
