"""How requests of an announced kind are checked: by its model, where just that one is installed, else by its schema."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import BaseModel

from backdesk.kinds.contracts import KINDS
from backdesk.worker.model.contract import KindContract, ModelCheck, RequestCheck, SchemaCheck


def check_of_announced(contract: KindContract) -> RequestCheck:
    """Return what checks the requests of a kind, given what workers say of it."""
    models = KINDS.get(contract.kind)
    if models is None or _schema(models.request) != contract.request_schema:
        return SchemaCheck(contract)
    return ModelCheck(contract.queue, models.request, contract.guard)


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()
