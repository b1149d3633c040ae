"""An archiver in a test's hands, under the clock of a board."""

from __future__ import annotations

from backdesk.worker.services.archiver import Archiver
from backdesk.worker.store.archive import Archive
from tests.support.board import Board


class Mover:
    """Moves what is due on a board to an archive, whoever leads."""

    def __init__(self, board: Board, archive: Archive) -> None:
        self.board = board
        self.archive = archive
        self.archiver = Archiver(board.client, board.settings, lambda: True, archive, board.clock)

    def move(self) -> None:
        """Move what is due now."""
        self.archiver.tick()

    def outlive(self, *job_ids: str) -> None:
        """Let the retention of jobs pass, and move them."""
        self.board.clock.advance(self.board.settings.retention_s + 1)
        self.move()
        for job_id in job_ids:
            assert self.board.find(job_id) is None

    def archived(self, *job_ids: str) -> list[str]:
        """Return which of these jobs are in the archive."""
        return [each.id for each in self.archive.find(job_ids, whole=False)]
