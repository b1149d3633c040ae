"""The text of a PDF for models that read none: read once, apart from the worker, and within bounds."""

from __future__ import annotations

import asyncio
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pytest

from backdesk.agents import pdf_text as module
from backdesk.agents.attached import MOST_TEXT
from backdesk.agents.pdf_text import pdf_text
from tests.support.documents import pdf, pdf_of
from tests.support.eventually import eventually_async


@pytest.fixture(autouse=True)
def nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_known", type(module._known)())


async def test_its_pages_are_told_apart_and_parted_words_joined() -> None:
    read = await pdf_text("a", pdf(["Boil it and con-", "tinue with water."], ["Close the lid."]))
    assert read == "[page 1 of 2]\nBoil it and continue with water.\n\n[page 2 of 2]\nClose the lid."


async def test_what_is_too_long_is_cut_off_and_says_so() -> None:
    pages = [["word " * 2_000]] * 12
    read = await pdf_text("a", pdf(*pages))
    assert len(read) < MOST_TEXT + 100
    assert read.endswith("[... the rest of 12 pages is left out]")


@pytest.mark.parametrize("data", [pdf([]), b"%PDF-1.7\ngarbage"], ids=["scan", "broken"])
async def test_of_one_without_text_there_is_none(data: bytes) -> None:
    assert await pdf_text("a", data) == ""


async def test_a_file_is_read_once_whoever_asks_and_whoever_no_longer_waits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read, log = module._read, tmp_path / "read"

    def counted(file_id: str, data: bytes) -> str:
        with log.open("a") as file:
            file.write(file_id)
        return read(file_id, data)

    monkeypatch.setattr(module, "_read", counted)
    first = asyncio.create_task(pdf_text("a", pdf(["Close the lid."])))
    await eventually_async(lambda: "a" in module._known)
    first.cancel()
    told = await asyncio.gather(*(pdf_text("a", pdf(["Close the lid."])) for _ in range(3)))
    assert ({*told}, log.read_text()) == ({"[page 1 of 1]\nClose the lid."}, "a")


async def test_a_small_file_that_unpacks_to_a_huge_one_takes_no_more_than_its_share(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "MOST_CPU_S", 1)
    bomb = zlib.compress(b"BT /F1 12 Tf " + b"(boom) Tj " * 3_000_000 + b"ET", 9)
    assert len(bomb) < 200_000
    assert await pdf_text("a", pdf_of(bomb, packed=True)) == ""
    assert "pdf_not_read" in caplog.messages


async def test_one_that_takes_too_much_memory_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_MEMORY", 120 * 1024 * 1024)
    bomb = zlib.compress(b"BT (" + b"x" * 70_000_000 + b") Tj ET", 9)
    assert await pdf_text("a", pdf_of(bomb, packed=True)) == ""


async def test_the_process_that_reads_it_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    seen: list[Any] = []
    run = subprocess.run

    def watched(*words: Any, **given: Any) -> Any:
        seen.append(given["env"])
        return run(*words, **given)

    monkeypatch.setattr(subprocess, "run", watched)
    assert await pdf_text("a", pdf(["Close the lid."]))
    assert "PATH" in seen[0]
    assert "sk-secret" not in str(seen)


async def test_without_the_library_it_is_told_in_the_log_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _name: None)
    assert await pdf_text("a", pdf(["Close the lid."])) == ""
    assert 'pip install "backdesk[knowledge]"' in str([vars(record) for record in caplog.records])
