"""Jobs whose log is worth packing, and a packer in a test's hands."""

from __future__ import annotations

from backdesk.worker.model.job import Claim
from backdesk.worker.services.packer import Packer
from tests.support.board import Board


def pack(board: Board) -> None:
    """Pack what is to be packed, whoever leads."""
    Packer(board.client, board.settings, lambda: True).tick()


def talker(board: Board, job_id: str = "talker", notes: int = 20) -> Claim:
    """Begin a job that tells so much."""
    return talk(board, board.start(board.submit(job_id)), notes)


def talk(board: Board, claim: Claim, notes: int = 20) -> Claim:
    """Let an attempt tell so much."""
    for number in range(notes):
        board.emit(claim, "note", first=number, data={"number": number, "text": "looked into it"})
    return claim


def is_packed(board: Board, job_id: str = "talker") -> bool:
    """Whether a log is kept packed, and in no other way."""
    with board.client.pipeline(transaction=True) as pipe:
        for key in (board.keys.log, board.keys.events):
            pipe.exists(key(job_id))
        packed, listed = pipe.execute()
    assert packed + listed == 1, f"the log of {job_id} is {'there twice' if packed else 'gone'}"
    return bool(packed)
