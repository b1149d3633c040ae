"""The knowledge base that agents answer from, `client.knowledge`."""

# Generated from `backdesk.client.aio` by `make generate`: change it there.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backdesk.client.contracts import request_of
from backdesk.client.operations.knowledge import ACT_S, KIND, Listed
from backdesk.service.knowledge.contract import Act, Document, KnowledgeRequest, KnowledgeResult
from backdesk.worker.model.job import DEFAULT_TENANT, MAX_PRIORITY

if TYPE_CHECKING:
    from backdesk.client.blocking.client import JobClient


class Knowledge:
    """The articles of tenants.

    Each call is a job of the kind `service.knowledge`, on the workers that have the business database. Each raises
    InvalidRequest for what is wrong, JobFailed when it may not be done, and ResultTimeout when no worker has done it in
    `timeout` seconds; it is done all the same then.
    """

    def __init__(self, client: JobClient) -> None:
        self._client = client

    def add(self, document: Document, *, tenant: str = DEFAULT_TENANT, timeout: float = ACT_S) -> KnowledgeResult:
        """Keep a document as an article, in place of the one of its slug; the same one again changes nothing.

        `backdesk.service.knowledge.documents.read_document` makes one of a file. Raises PayloadTooLarge for one that
        does not fit into a job.
        """
        return self._do("add", tenant, timeout, document=document)

    def list(self, *, tenant: str = DEFAULT_TENANT, timeout: float = ACT_S) -> Listed:
        """Return the articles by their slugs."""
        return (self._do("list", tenant, timeout)).articles

    def remove(self, slug: str, *, tenant: str = DEFAULT_TENANT, timeout: float = ACT_S) -> None:
        """Remove an article. Raises JobFailed (`article_not_found`) when there is none."""
        self._do("remove", tenant, timeout, slug=slug)

    def search(self, query: str, *, tenant: str = DEFAULT_TENANT, timeout: float = ACT_S) -> KnowledgeResult:
        """Return what agents would find for a question, the best first, and what was searched by."""
        return self._do("search", tenant, timeout, query=query)

    def index(self, *, tenant: str = DEFAULT_TENANT, timeout: float = ACT_S) -> KnowledgeResult:
        """Have vectors made for some hundreds of passages that have none of the model that is configured.

        To be called until nothing is `left`, or there is a `problem`.
        """
        return self._do("index", tenant, timeout)

    def _do(self, act: Act, tenant: str, timeout: float, **fields: Any) -> KnowledgeResult:
        body = request_of(KnowledgeRequest, act=act, **fields).model_dump(mode="json", exclude_none=True)
        job = self._client.submit(KIND, body, tenant=tenant, priority=MAX_PRIORITY)
        return KnowledgeResult.model_validate(job.result(timeout))
