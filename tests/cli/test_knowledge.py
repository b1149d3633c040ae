"""`backdesk knowledge`: files become articles that are listed, found and removed; what cannot be is told with why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from pypdf import PdfWriter

from backdesk.platform.database import Database
from backdesk.platform.deployment import deployment, instead
from backdesk.testing import Bench, sandbox
from tests.cli.conftest import Answer, Cli
from tests.support.documents import pdf
from tests.support.openai_simulator import Fault, OpenAISimulator
from tests.support.served import served

import_module("backdesk.kinds.knowledge.kind")  # registers it
KETTLE = "---\ntitle: The kettle\nkeywords: [bouilloire, Wasserkocher]\n---\n# The kettle\n\nDescale it with vinegar.\n"


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench(watched=False) as bench, served(bench):
        yield bench


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a database without rows, to begin with: the scripts that make one take longer than a test."""
    path = tmp_path_factory.mktemp("empty") / "tasks.sqlite3"
    with closing(Database(f"sqlite:///{path}", samples=False)) as database:
        database.prepare()
    return path.read_bytes()


@pytest.fixture
def knowledge(bench: Bench, empty: bytes, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """Runs `backdesk knowledge` on a bench whose knowledge base is empty."""
    monkeypatch.setenv("BACKDESK_PREFIX", bench.settings.prefix)
    with sandbox(empty, samples=False):
        yield lambda *words: cli("knowledge", *words, url=bench.settings.url)


@pytest.fixture
def kettle(home: Path) -> Path:
    (home / "kettle.md").write_text(KETTLE)
    return home


def locked(data: bytes, path: Path) -> bytes:
    """Return a PDF that takes a password to open."""
    path.write_bytes(data)
    writer = PdfWriter(clone_from=path)
    writer.encrypt(user_password="secret", owner_password="owner", algorithm="AES-256")
    writer.write(path)
    return path.read_bytes()


@contextmanager
def embedding(server: OpenAISimulator) -> Iterator[None]:
    """Have the bodies of this process make vectors by a server, in the database that they have."""
    here = deployment()
    settings = {"embeddings_model": "text-embedding-3-small", "embeddings_base_url": server.url}
    with instead(replace(here, settings=here.settings.model_copy(update=settings))):
        yield


def slugs(listed: Answer) -> list[str]:
    return [each["slug"] for each in listed.document]


def test_what_is_added_is_listed_and_found_with_what_cites_it(knowledge: Cli, kettle: Path) -> None:
    assert knowledge("add", "kettle.md").out == "added: kettle (1 passage, en)\n"
    listed = knowledge("list")
    assert [line.split()[0] for line in listed.out.splitlines()] == ["slug", "kettle"]
    assert "The kettle" in listed.out
    found = knowledge("search", "Wasserkocher")
    assert (found.code, found.out) == (0, "[kettle#1] The kettle\n  Descale it with vinegar.\n")


def test_the_same_file_again_changes_nothing_and_a_changed_one_takes_its_place(knowledge: Cli, kettle: Path) -> None:
    states = [knowledge("add", "kettle.md", "--json").document["state"] for _ in range(2)]
    (kettle / "kettle.md").write_text(KETTLE.replace("vinegar", "lemons"))
    states.append(knowledge("add", "kettle.md", "--json").document["state"])
    assert states == ["added", "unchanged", "replaced"]
    assert "lemons" in knowledge("search", "descale the kettle").out


def test_of_a_folder_all_is_added_that_can_be_read(knowledge: Cli, kettle: Path) -> None:
    (kettle / "sub").mkdir()
    (kettle / "sub" / "toaster.pdf").write_bytes(pdf(["Empty the crumb tray."]))
    (kettle / "sub" / "notes.docx").write_bytes(b"PK")
    told = knowledge("add", ".", "--tenant", "acme", "--language", "en")
    assert (told.code, told.err) == (0, "")
    assert slugs(knowledge("list", "--tenant", "acme", "--json")) == ["kettle", "toaster"]
    assert knowledge("list").out.startswith("no articles: add some by"), "of another tenant it is none"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("scan.pdf", pdf([]), "its pages have no text, as scans have none"),
        ("locked.pdf", None, "it is encrypted: save it without a password"),
        ("broken.pdf", b"\x00\x01garbage", "it is no PDF that can be read"),
        ("old.txt", b"Kopfh\xf6rer", "it is no text in UTF-8"),
        ("letter.docx", b"PK", "files that end in .docx are none of .md"),
        ("empty.md", b"\n", "there is no text in it"),
    ],
)
def test_what_cannot_be_read_is_told_with_why_and_the_others_are_added(
    knowledge: Cli, kettle: Path, name: str, data: bytes | None, reason: str
) -> None:
    path = kettle / name
    path.write_bytes(locked(pdf(["Close the lid."]), path) if data is None else data)
    told = knowledge("add", name, "kettle.md")
    assert (told.code, told.out) == (1, "added: kettle (1 passage, en)\n")
    assert f"{name}: {reason}" in told.err


def test_a_program_is_told_of_each_file_what_became_of_it(knowledge: Cli, kettle: Path) -> None:
    (kettle / "scan.pdf").write_bytes(pdf([]))
    told = knowledge("add", "scan.pdf", "none.md", "kettle.md", "--json")
    refused, missing, added = told.documents
    assert told.code == 1
    assert (refused["path"], refused["error"]["code"]) == ("scan.pdf", "document_unreadable")
    assert missing["error"]["message"] == "none.md: No such file or directory"
    assert (added["slug"], added["passages"], added["embedded"]) == ("kettle", 1, 0)


def test_two_files_of_one_slug_are_not_taken_for_one_article(knowledge: Cli, kettle: Path) -> None:
    (kettle / "Kettle.txt").write_text("Another one.")
    told = knowledge("add", "kettle.md", "Kettle.txt")
    assert told.code == 1
    assert "Kettle.txt: kettle.md has the same slug, 'kettle': add it by itself with --slug" in told.err
    assert knowledge("add", "Kettle.txt", "--slug", "kettle-2").code == 0
    assert slugs(knowledge("list", "--json")) == ["kettle", "kettle-2"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("add", "sub"), "there is nothing that ends in .md, .markdown"),
        (("add", "kettle.md", "sub.md", "--slug", "kettle"), "names one document, and there are 2"),
        (("search", " "), "query: "),
        (("remove", "The Kettle"), "slug: "),
        (("add",), "PATH"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_added(
    knowledge: Cli, kettle: Path, words: tuple[str, ...], reason: str
) -> None:
    (kettle / "sub").mkdir()
    told = knowledge(*words)
    assert (told.code, told.out) == (2, "")
    assert reason in told.err


def test_a_removed_article_is_found_no_more(knowledge: Cli, kettle: Path) -> None:
    knowledge("add", "kettle.md")
    assert knowledge("remove", "kettle").out == "removed: kettle\n"
    assert knowledge("search", "descale the kettle").out == "nothing found\n"


def test_to_remove_what_is_not_there_fails_with_the_reason(knowledge: Cli) -> None:
    told = knowledge("remove", "kettle", "--tenant", "acme")
    assert (told.code, told.out) == (1, "")
    assert "there is no article 'kettle' in the knowledge base of this tenant" in told.err


def test_index_makes_vectors_and_fails_with_the_reason_where_it_cannot(knowledge: Cli, kettle: Path) -> None:
    knowledge("add", "kettle.md")
    with OpenAISimulator().running() as server, embedding(server):
        server.embedding = Fault.error(400, "no_such_model")
        told = knowledge("index")
        assert (told.code, told.out) == (1, "0 passages got vectors, 1 are without\n")
        assert "without vectors, by words alone: " in told.err
        server.embedding = lambda _text: [1.0, 0.0]
        assert knowledge("index", "--json").document == {"embedded": 1, "left": 0, "problem": ""}
        assert knowledge("search", "it is so hot", "--json").document["by"] == ["words", "vectors"]
