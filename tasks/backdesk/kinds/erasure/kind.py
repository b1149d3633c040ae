"""The kind `customer.erase`: takes a customer out of the business database, as a part of `backdesk erase-customer`."""

from __future__ import annotations

from backdesk.platform.deployment import deployment
from backdesk.service.erasure import erase
from backdesk.service.erasure_contract import ErasedRows, EraseRequest
from backdesk.worker.attempt.context import BlockingContext
from backdesk.worker.attempt.ledger import Effect
from backdesk.worker.attempt.task import task

#: Its own record names the customer; the command that submits it forgets it at once.
RETENTION_S = 3600.0


@task("customer.erase", queue="tools", retention=RETENTION_S)
def erase_customer(ctx: BlockingContext, request: EraseRequest) -> ErasedRows:
    """Take a customer out of all tables of the business database, or count what there is of them."""
    database = deployment().database
    if request.dry_run:
        return erase(database, ctx.tenant, request)
    # Kept before it is done: a worker that dies after it leaves no trace of what there was.
    planned = request.model_copy(update={"dry_run": True})
    counted = ctx.step("count", erase, database, ctx.tenant, planned, effect=Effect.PURE)
    done = erase(database, ctx.tenant, request)
    return ErasedRows(deleted=counted.deleted | done.deleted, anonymised=counted.anonymised | done.anonymised)
