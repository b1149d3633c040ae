"""The large values of an attempt: its request, its result and those of children, where they are among the blobs.

Each costs a job whose values are small nothing but a look at their size.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any

from backdesk.worker.attempt.classification import classify
from backdesk.worker.blobs.access import BlobAccess
from backdesk.worker.errors import BlobError
from backdesk.worker.failure import Failure
from backdesk.worker.model.blob import BlobRef
from backdesk.worker.model.job import Claim, Succeeded
from backdesk.worker.pipeline import Pipeline
from backdesk.worker.store.jobs import NewJob
from backdesk.worker.submit.claim_check import check_in, check_in_result, redeemed
from backdesk.worker.text.json import decode

#: Under this name the end of a child tells where its result is.
RESULT_BLOB = "result_blob"


class LargeValues:
    """The way of one attempt to what is too large for Redis. `most_request` and `most_result` are what Redis takes."""

    def __init__(self, claim: Claim, blobs: BlobAccess, *, most_request: int, most_result: int) -> None:
        self._claim = claim
        self._blobs = blobs
        self._most_request = most_request
        self._most_result = most_result

    def claimed(self) -> Pipeline[Claim | Failure]:
        """Return the claim with its request, or why that cannot be had."""
        claim = self._claim
        if not claim.request_blob:
            return claim
        try:
            return replace(claim, request=(yield self._redeem(claim.request_blob)))
        except (BlobError, ValueError) as error:
            return _failure(error)

    def kept(self, ended: Succeeded) -> Pipeline[Succeeded | Failure]:
        """Return how the attempt ended as it can be written, or why its result cannot be kept.

        The result of a called job belongs to the one that has called it, which may read it long after this has gone.
        """
        if len(ended.result) <= self._most_result:
            return ended
        tenant, job = self._claim.tenant, self._claim.parent or self._claim.job_id
        keep = partial(check_in_result, ended.result, tenant=tenant, job=job)
        try:
            return replace(ended, blob=(yield self._blobs.submit(keep)))
        except BlobError as error:
            return _failure(error)

    def checked_in(self, job: NewJob) -> Pipeline[NewJob]:
        """Return a job that this one calls as it can be written. Raises BlobError."""
        if len(job.request) <= self._most_request:
            return job
        checked_in: NewJob = yield self._blobs.submit(partial(check_in, job))
        return checked_in

    def child_end(self, value: dict[str, Any]) -> Pipeline[dict[str, Any]]:
        """Return the end of a child with its result. Raises BlobError, ValueError."""
        if RESULT_BLOB not in value:
            return value
        ref = BlobRef.model_validate(value[RESULT_BLOB])
        return {**value, "result": decode((yield self._redeem(ref)))}

    def _redeem(self, reference: bytes | BlobRef) -> Future[bytes]:
        return self._blobs.submit(lambda blobs: redeemed(reference, blobs, self._claim.tenant))


def _failure(error: BlobError | ValueError) -> Failure:
    if isinstance(error, BlobError):
        return classify(error)
    return classify(BlobError(f"the reference of the request cannot be read: {error}"))
