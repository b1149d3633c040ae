"""The search: any language, the right passage, one tenant; by words, by vectors, and by both.

On SQLite, and on PostgreSQL where the machine has its server: both must find the same.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from backdesk.agents.desk import Desk
from backdesk.agents.vectors import Vectors
from backdesk.platform.database import Database, ScopedDatabase
from backdesk.service.knowledge import library
from backdesk.service.knowledge.contract import Document, Section
from backdesk.service.knowledge.search import MOST_FOUND, MOST_OF_ARTICLE, search
from backdesk.service.knowledge.tool import search_articles
from backdesk.service.knowledge.vectors import nearest, packed
from backdesk.service.samples import seed
from backdesk.service.tables import Article, Passage
from tests.support.postgres import Postgres, find_server, postgres

PROGRAMS = find_server()

LIKE = {"warm": [1.0, 0.0], "cold": [0.0, 1.0]}


def document(slug: str, *texts: str, **fields: str) -> Document:
    sections = [Section(heading=f"Part {at}", text=text) for at, text in enumerate(texts, 1)]
    return Document(slug=slug, sections=sections, **{"title": f"About {slug}", **fields})


async def slugs(database: ScopedDatabase, question: str) -> list[str]:
    return [each.slug for each in (await search(database, question)).found]


async def embed(texts: Sequence[str]) -> Vectors:
    """Think of nothing but whether it is warm."""
    return Vectors([LIKE["warm" if "hot" in text else "cold"] for text in texts], "thermometer", 0.5)


def give_vectors(database: ScopedDatabase, vectors: dict[str, str], model: str = "thermometer") -> None:
    with database.read() as session:
        ids = {each.slug: each.id for each in session.scalars(select(Passage))}
    library.embed(database, model, {ids[slug]: packed(LIKE[like]) for slug, like in vectors.items()})


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[Postgres]:
    assert PROGRAMS is not None
    with postgres(PROGRAMS) as server:
        yield server


@pytest.fixture(scope="module")
def articles(postgres_server: Postgres) -> str:
    """The URL of a database with the sample articles, to copy."""
    url = postgres_server.database()
    with closing(Database(url, samples=False)) as database, database.of("default").write() as session:
        seed(session, datetime.now(UTC).date())
    return url


@pytest.fixture(params=["sqlite", *(["postgresql"] if PROGRAMS else [])])
def shop(request: pytest.FixtureRequest, seeded: Path, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path}/shop.sqlite3"
    if request.param == "sqlite":
        shutil.copy(seeded, tmp_path / "shop.sqlite3")
    else:
        server: Postgres = request.getfixturevalue("postgres_server")
        url = server.database(like=request.getfixturevalue("articles"))
    with closing(Database(url, samples=False)) as database:
        yield database


@pytest.fixture
def kb(shop: Database) -> ScopedDatabase:
    return shop.of("default")


# --- by words ---


@pytest.mark.parametrize(
    ("question", "slug"),
    [
        ("earphones no pairing", "pair-headphones"),
        ("Kopfhörer koppeln", "pair-headphones"),
        ("Meine Kopfhörer lassen sich nicht koppeln", "pair-headphones"),
        ("Le casque ne se connecte pas", "pair-headphones"),
        ("наушники не подключаются", "pair-headphones"),
        ("耳机配对", "pair-headphones"),
        ("หูฟังจับคู่", "pair-headphones"),
        ("My keyboard keys are stuck", "keyboard-keys"),
        ("Passwort vergessen", "reset-password"),
        ("warranty", "warranty"),
        ("WLAN ist langsam", "router-slow"),
    ],
)
async def test_a_question_finds_the_article_in_whatever_language_it_is_asked(
    kb: ScopedDatabase, question: str, slug: str
) -> None:
    assert (await slugs(kb, question))[0] == slug


@pytest.mark.parametrize(
    ("language", "text", "question"),
    [
        ("en", "Clean the grinder with a dry brush.", "cleaning grinders"),
        ("de", "Reinigen Sie das Mahlwerk mit einer trockenen Bürste.", "Mahlwerks reinigt"),
        ("fr", "Nettoyez le broyeur avec une brosse.", "nettoyer les broyeurs"),
        ("es", "Limpie la muela con un cepillo.", "limpiar muelas"),
        ("ru", "Очистите жернова сухой щёткой.", "жерновов щёткам"),
        ("zh", "用干刷清洁磨豆机。", "怎么清洁磨豆机"),
        ("ja", "乾いたブラシで刃を掃除します。", "ブラシで刃を掃除する方法"),
    ],
)
async def test_what_an_article_says_is_found_by_other_forms_of_its_words(
    kb: ScopedDatabase, language: str, text: str, question: str
) -> None:
    library.put(kb, document("grinder", text, language=language, title="X1"))
    assert await slugs(kb, question) == ["grinder"]


@pytest.mark.parametrize(
    "question", ["What is the weather like?", "Wie ist das Wetter heute?", "hello", "", "?!", '"*']
)
async def test_a_question_about_nothing_that_is_known_finds_nothing(kb: ScopedDatabase, question: str) -> None:
    assert await slugs(kb, question) == []


async def test_the_passage_is_found_that_says_it_and_not_the_whole_article(kb: ScopedDatabase) -> None:
    library.put(kb, document("kettle", "Boil water in the kettle.", "Descale the kettle with vinegar."))
    found = (await search(kb, "descale my kettle with vinegar")).found
    assert (found[0].slug, found[0].passage, found[0].heading, found[0].text) == (
        *("kettle", 2, "Part 2"),
        "Descale the kettle with vinegar.",
    )


async def test_not_many_passages_of_one_article_are_found_nor_many_at_all(kb: ScopedDatabase) -> None:
    for at in range(4):
        library.put(kb, document(f"kettle-{at}", *["Descale the kettle with vinegar."] * 5))
    found = await slugs(kb, "descale kettle")
    assert (len(found), max(map(found.count, found))) == (MOST_FOUND, MOST_OF_ARTICLE)


async def test_a_tenant_finds_what_is_its_own_alone(shop: Database, kb: ScopedDatabase) -> None:
    for tenant in ("globex", "globex-eu"):
        library.put(shop.of(tenant), document("kettle", f"Descale the kettle of {tenant}."))
    assert [each.text for each in (await search(shop.of("globex"), "descale kettle")).found] == [
        "Descale the kettle of globex."
    ]
    assert await slugs(kb, "descale kettle") == []


async def test_an_article_that_came_by_other_rules_is_put_in_before_the_next_search(kb: ScopedDatabase) -> None:
    with kb.write() as session:
        session.add(Article(slug="old", title="The toaster", keywords="bread", body="Empty the crumb tray."))
    assert await slugs(kb, "toaster crumb tray") == ["old"]


# --- kept ---


async def test_a_document_of_the_same_slug_takes_the_place_of_the_one_before(kb: ScopedDatabase) -> None:
    before = document("kettle", "Descale the kettle with vinegar.", "Boil.")
    after = document("kettle", "Descale the kettle with lemons.")
    for state, each in (("added", before), ("replaced", after)):
        assert library.compare(kb, each) == state
        library.put(kb, each)
    assert [each.text for each in (await search(kb, "descale kettle")).found] == ["Descale the kettle with lemons."]
    (listed,) = library.articles(kb, None, "kettle")
    assert (listed.passages, listed.language) == (1, "en")


async def test_the_same_document_again_changes_nothing(kb: ScopedDatabase) -> None:
    library.put(kb, document("kettle", "Descale it."))
    before = library.articles(kb, None, "kettle")
    assert library.compare(kb, document("kettle", "Descale it.")) == "unchanged"
    library.put(kb, document("kettle", "Descale it."))
    assert library.articles(kb, None, "kettle") == before


async def test_a_removed_article_is_found_no_more(kb: ScopedDatabase) -> None:
    assert library.has(kb, "pair-headphones")
    library.remove(kb, "pair-headphones")
    assert "pair-headphones" not in await slugs(kb, "pair the headphones")
    assert not library.has(kb, "pair-headphones")
    library.remove(kb, "pair-headphones")  # again, which changes nothing


# --- by vectors ---


async def test_vectors_find_what_has_no_word_in_common(kb: ScopedDatabase) -> None:
    library.put(kb, document("stove", "Mind your fingers."))
    give_vectors(kb, {"stove": "warm", "warranty": "cold"})
    results = await search(kb, "it is so hot", embed)
    assert ([each.slug for each in results.found], results.by) == (["stove"], ("words", "vectors"))


async def test_what_both_find_goes_before_what_one_finds(kb: ScopedDatabase) -> None:
    for slug in ("oven-a", "oven-b"):
        library.put(kb, document(slug, "The oven door jams."))
    give_vectors(kb, {"oven-b": "warm", "warranty": "warm"})
    assert [each.slug for each in (await search(kb, "hot oven door jams", embed)).found] == [
        *("oven-b", "oven-a", "warranty")
    ]


async def test_vectors_of_another_model_do_not_count(kb: ScopedDatabase) -> None:
    give_vectors(kb, {"warranty": "warm"}, model="an older one")
    assert (await search(kb, "it is so hot", embed)).found == []
    assert len(library.unembedded(kb, "thermometer", 100)) == 12


def test_the_nearest_are_those_of_the_largest_cosine_and_the_same_length() -> None:
    kept = [(1, packed([1, 1])), (2, packed([0, 3])), (3, packed([5, 0])), (4, packed([1, 0, 0]))]
    assert nearest(packed([2, 0]), kept, least=0.5, most=5) == [3, 1]


async def test_without_vectors_it_is_searched_by_words_and_says_why(desk: Desk) -> None:
    async def failing(_texts: Sequence[str]) -> Vectors:
        return Vectors(problem="out of order")

    desk.embed = failing
    found = await search_articles(desk, "earphones no pairing")
    assert found.articles[0].cite == "[pair-headphones#1]"
    assert found.summary().endswith("(by words alone: out of order)")
