"""Whenever a worker dies, the report is the same, and nobody is asked again but whose answer died with it."""

from __future__ import annotations

import pytest

from backdesk.testing import Bench, BenchJob, scripted
from tests.kinds.research.researchers import QUESTION, Researcher, written

TEXT = b"The brinecell of our cellar lasted 4,711 full cycles. It was replaced after 12 more cycles."
#: The requests of a report on one source that nothing happens to.
USUAL = {"planner": 1, "reader": 1, "outliner": 1, "writer": 1}


def on_a_file(bench: Bench, *, pdf: bool = False) -> dict[str, object]:
    memo = bench.attach(TEXT, "memo.txt")
    return {"message": QUESTION, "sections": 1, "sources": "attachments", "attachments": [memo], "pdf": pdf}


def played(bench: Bench, job: BenchJob, *, doomed: int, after: int) -> bool | None:
    """Make all attempts at a report and its parts; that of this number dies after so many writes.

    Gives whether it died, None when there are not so many attempts.
    """
    died, attempts = None, 0
    while not job.record.done:
        if waits := [ask.facts["job_id"] for ask in job.record.asks]:
            for child in map(bench.job, waits):
                while not child.record.done:
                    bench.attempt(child)
            continue
        attempts += 1
        if attempts == doomed:
            died = bench.lose(job, after=after)
        else:
            bench.attempt(job)
    return died


@pytest.mark.parametrize(("doomed", "pdf"), [(1, False), (2, False), (3, False), (4, True)])
def test_a_report_survives_the_death_of_its_worker_at_each_write_of_each_attempt(
    bench: Bench, doomed: int, pdf: bool
) -> None:
    with scripted(rule=Researcher()):
        whole = bench.run("research.report", on_a_file(bench)).result.report
    for after in range(30):
        model = Researcher()
        with scripted(rule=model):
            job = bench.submit("research.report", on_a_file(bench, pdf=pdf))
            died = played(bench, job, doomed=doomed, after=after)
        assert died is not None
        assert job.result.report == whole
        assert (job.result.pdf is not None) == pdf
        more = {name: times - USUAL[name] for name, times in model.asked.items() if times > USUAL[name]}
        assert sum(more.values()) <= 1
        assert len(job.children) == 2 + pdf
        if not died:
            break
    else:
        pytest.fail("the attempt has more writes than this test knows of")


def test_a_reading_and_a_section_survive_it_too(bench: Bench) -> None:
    def lies_once(given: dict[str, object]) -> object:
        return written(("Brinecells last 50,000 cycles.", [1]))

    for kind in ("research.reading", "research.section"):
        for after in range(10):
            model = Researcher(writer=lies_once)  # type: ignore[arg-type]  # a reply
            with scripted(rule=model):
                job = bench.attempt(bench.submit("research.report", on_a_file(bench)))
                died = None
                while not job.record.done:
                    for child in (each for each in job.children if not each.record.done):
                        if died is None and child.kind == kind:
                            died = bench.lose(child, after=after)
                        else:
                            bench.attempt(child)
                    if not job.record.asks and not job.record.done:
                        bench.attempt(job)
            assert job.state == "succeeded"
            assert model.asked.total() <= sum(USUAL.values()) + 1 + 1
            if not died:
                break
