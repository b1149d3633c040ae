"""Who searches the web: settings of the tool that does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

from pydantic import DirectoryPath, Field, SecretStr, model_validator

from backdesk.platform.dependency import Dependency
from backdesk.platform.reachable import reachable
from backdesk.platform.tool_settings import ToolSettings


class SearchSettings(ToolSettings):
    """One of an instance of SearXNG, any provider that answers in JSON, or a folder of documents."""

    title: ClassVar[str] = "web search"

    searxng: str = Field("", validation_alias="BACKDESK_SEARCH_SEARXNG")
    #: The address of any other provider, without the question.
    url: str = Field("", validation_alias="BACKDESK_SEARCH_URL")
    #: What it calls the question, where the results are in its answer, and how it calls their fields.
    query: str = Field("q", validation_alias="BACKDESK_SEARCH_QUERY")
    results: str = Field("results", validation_alias="BACKDESK_SEARCH_RESULTS")
    fields: dict[str, str] = Field({}, validation_alias="BACKDESK_SEARCH_FIELDS")
    #: Read by its name where it is used; here it is for `doctor`, which tells whether there is one.
    key: SecretStr | None = Field(None, validation_alias="BACKDESK_SEARCH_KEY")
    #: The header or the parameter that has it.
    key_header: str = Field("", validation_alias="BACKDESK_SEARCH_KEY_HEADER")
    key_parameter: str = Field("", validation_alias="BACKDESK_SEARCH_KEY_PARAMETER")
    folder: DirectoryPath | None = Field(None, validation_alias="BACKDESK_SEARCH_FOLDER")
    #: Whether the provider may be in a private network, as an instance of one's own is.
    private: bool = Field(False, validation_alias="BACKDESK_SEARCH_PRIVATE")

    def dependencies(self) -> Sequence[Dependency]:
        """Return what searches, if it is a service."""
        url = self.searxng or self.url
        return (reachable("web search", url, private=self.private),) if url else ()

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given: list[str | Path | None] = [self.searxng, self.url, self.folder]
        if sum(map(bool, given)) > 1:
            raise ValueError("set one of BACKDESK_SEARCH_SEARXNG, BACKDESK_SEARCH_URL and BACKDESK_SEARCH_FOLDER")
        return self
