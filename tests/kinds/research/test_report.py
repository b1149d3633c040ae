"""A report on the sample corpus: by rules, and by a model that is honest."""

from __future__ import annotations

import re
import sys
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader

from backdesk.kinds.research.contract import ResearchResult
from backdesk.kinds.research.corpus import FOLDER, text_of
from backdesk.kinds.research.quotations import says
from backdesk.testing import Bench, BenchJob, scripted
from backdesk.worker.model.blob import BlobRef
from backdesk.worker.submit.blob_access import blobs_of
from tests.kinds.research.researchers import QUESTION, REQUEST, Researcher

OFFLINE: dict[str, object] = {"message": "How long do brinecells last, and what do they cost?", "sections": 3}


@pytest.fixture(scope="module")
def offline() -> BenchJobs:
    return BenchJobs()


class BenchJobs:
    """One report by rules, which many tests look at."""

    def __init__(self) -> None:
        self.result: ResearchResult | None = None
        self.fractions: list[float] = []

    def of(self, bench: Bench) -> ResearchResult:
        if self.result is None:
            job = bench.run("research.report", OFFLINE)
            self.result = job.result
            self.fractions = [data["fraction"] for data in job.of("progress")]
        return self.result


def test_without_a_model_each_sentence_is_quoted_from_the_source_that_it_cites(
    bench: Bench, offline: BenchJobs
) -> None:
    result = offline.of(bench)
    titles = {each.number: each.id for each in result.sources}
    assert len(result.checks) > 5
    for check in result.checks:
        assert check.supported
        (source,) = check.sources
        text = text_of(titles[source])
        assert text is not None
        assert says(text, check.sentence.strip("“”"))


def test_the_markdown_has_sections_citations_and_the_sources_that_it_cites_in_their_order(
    bench: Bench, offline: BenchJobs
) -> None:
    report = offline.of(bench).report
    assert report is not None
    assert report.startswith("# How long do brinecells last, and what do they cost\n")
    headings = re.findall(r"^## (.*)$", report, re.MULTILINE)
    assert headings[0] == "In short"
    assert headings[-1] == "Sources"
    first = [int(each) for each in dict.fromkeys(re.findall(r"\[(\d+)\]", report.partition("## Cost")[2]))]
    assert first == sorted(first)
    listed = re.findall(r"^(\d+)\. ", report.rpartition("## Sources")[2], re.MULTILINE)
    assert [*map(int, listed)] == [*range(1, len(listed) + 1)]


def test_what_is_made_up_is_said_to_be(bench: Bench, offline: BenchJobs) -> None:
    report = offline.of(bench).report
    assert report is not None
    assert "a made-up field, of which nothing is true" in report
    assert all("sample: made up" in path.read_text() for path in FOLDER.glob("*.md"))


def test_sources_that_disagree_are_told(bench: Bench, offline: BenchJobs) -> None:
    told = ["; ".join(each.says) for each in offline.of(bench).disagreements]
    assert any("6,200 full cycles" in each and "4,300 full cycles" in each for each in told)


def test_progress_never_goes_back(bench: Bench, offline: BenchJobs) -> None:
    offline.of(bench)
    assert offline.fractions == sorted(offline.fractions)
    assert offline.fractions[-1] > 0.9


def test_the_plan_names_what_is_read_and_written_and_all_of_it_is_done_in_the_end(bench: Bench) -> None:
    with scripted(rule=Researcher()):
        job = bench.run("research.report", {**REQUEST, "pdf": False})
    steps = job.of("plan")[-1]["steps"]
    assert [(step["title"], step["state"]) for step in steps] == [
        ("Plan the report", "done"),
        ("Search and read the sources", "done"),
        ("Read on: Life", "done"),
        ("Outline the report", "done"),
        ("Write the sections", "done"),
        ("Write: Life", "done"),
        ("Check the citations", "done"),
    ]


def test_the_pdf_has_the_same_sentences_and_its_pages_are_numbered(bench: Bench) -> None:
    with scripted(rule=Researcher()):
        job = bench.run("research.report", REQUEST)
    (page, *_) = pages(bench, job)
    assert "After 6,200 full cycles the cabinets still held 80 percent of their first capacity. [1]" in page
    assert re.search(r"1 / \d", page)


def test_a_pdf_takes_no_library_of_another_extra(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    with scripted(rule=Researcher()):
        assert bench.run("research.report", REQUEST).result.pdf is not None


def pages(bench: Bench, job: BenchJob) -> list[str]:
    found = PdfReader(BytesIO(file_of(bench, job.result.pdf))).pages
    return [" ".join(page.extract_text().split()) for page in found]


def file_of(bench: Bench, ref: BlobRef) -> bytes:
    store = blobs_of(bench.settings).store
    return store.read(ref, "default")


def test_with_a_model_the_agents_write_and_everything_is_checked(bench: Bench) -> None:
    with scripted(rule=Researcher()):
        job = bench.run("research.report", REQUEST)
    result = job.result
    assert result.report == Path(__file__).with_name("golden.md").read_text()
    assert (result.complete, result.offline, result.by_rules) == (True, False, False)
    assert result.file is not None
    assert file_of(bench, result.file).decode() == result.report
    assert result.usage.requests == 1 + 3 + 1 + 1


def test_the_source_s_text_is_neither_in_the_ledger_nor_in_the_log(bench: Bench) -> None:
    with scripted(rule=Researcher()):
        job = bench.run("research.report", REQUEST)
    text = text_of("port-auren-field-report")
    assert text is not None
    noted, never_noted = "4,300 full cycles", "Eleven cabinets had to be replaced under warranty"
    assert noted in text
    assert never_noted in text
    assert job.result.complete
    kept = everything(bench)
    assert noted.encode() in kept
    assert never_noted.encode() not in kept


def everything(bench: Bench) -> bytes:
    """All that the bench has in Redis, as it was written."""
    client, found = bench._redis, []
    for key in client.scan_iter(f"{bench.settings.prefix}:*"):
        match client.type(key):
            case b"hash" | "hash":
                found += [each for pair in client.hgetall(key).items() for each in pair]
            case b"list" | "list":
                found += client.lrange(key, 0, -1)
            case b"string" | "string":
                found.append(client.get(key) or b"")
            case _:
                pass
    return b"\n".join(each.encode() if isinstance(each, str) else each for each in found)


def test_what_is_not_found_is_said_and_nothing_is_made_up(bench: Bench) -> None:
    with scripted(rule=Researcher()) as model:
        job = bench.run("research.report", {"message": "xyzzy plugh?", "sections": 1, "pdf": False, "depth": "quick"})
    assert model.requests
    assert job.state == "succeeded"
    nothing = bench.run("research.report", {"message": "Quantum teleportation of llamas?", "sections": 1, "pdf": False})
    assert nothing.result.answer == "Nothing was found to this question."
    assert nothing.result.sources == []
    assert nothing.result.not_found != []
    assert nothing.result.checks == []


def test_the_files_of_a_request_are_sources_too(bench: Bench) -> None:
    memo = bench.attach(b"# Memo\n\nThe brinecell of our cellar lasted 4,711 full cycles in 2034.", "memo.md")
    request = {"message": QUESTION, "sections": 1, "sources": "attachments", "attachments": [memo], "pdf": False}
    result = bench.run("research.report", request).result
    assert [(each.title, each.where, each.cited) for each in result.sources] == [("memo.md", "attachments", True)]
    assert "4,711 full cycles" in result.report


def test_a_source_that_cannot_be_read_stands_beside_those_that_can(bench: Bench) -> None:
    photo = bench.attach(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "photo.png")
    request = {"message": QUESTION, "sections": 1, "attachments": [photo], "pdf": False, "depth": "quick"}
    result = bench.run("research.report", request).result
    assert [each.problem for each in result.sources if each.title == "photo.png"] == [
        "the file photo.png is image/png, and has no text"
    ]
    assert any(each.cited for each in result.sources)
    assert any("“photo.png” was not read" in each for each in result.problems)


def test_where_no_source_can_be_read_the_job_fails_with_the_reason(bench: Bench) -> None:
    photo = bench.attach(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "photo.png")
    request = {"message": QUESTION, "sources": "attachments", "attachments": [photo], "pdf": False}
    job = bench.run("research.report", request)
    assert job.error is not None
    assert (job.error.code, "photo.png" in job.error.message) == ("nothing_read", True)


@pytest.mark.parametrize("question", ["Wie lange halten Brinecells, und was kosten sie?"])
def test_headings_are_in_the_language_of_the_question(bench: Bench, question: str) -> None:
    result = bench.run("research.report", {"message": question, "sections": 1, "pdf": False, "depth": "quick"}).result
    assert "## Wie dieser Bericht entstand" in result.report
