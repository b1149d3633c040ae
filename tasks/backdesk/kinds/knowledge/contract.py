"""The kind `service.knowledge`."""

from __future__ import annotations

from backdesk.platform.contract import KindModels
from backdesk.service.knowledge.contract import KNOWLEDGE, KnowledgeRequest, KnowledgeResult

KIND = KindModels(KNOWLEDGE, "tools", KnowledgeRequest, KnowledgeResult)
