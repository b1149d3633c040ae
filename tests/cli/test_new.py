"""`backdesk new task`: what is written, under which names, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from backdesk.worker.settings import Settings
from tests.cli.conftest import Cli

#: What workers run without a word about it; a kind of one's own is added to it.
SHIPPED = ",".join(Settings.model_fields["task_modules"].default)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_kind_and_its_test_are_written_and_it_is_said_how_to_go_on(cli: Cli, home: Path) -> None:
    answer = cli("new", "task", "invoices.explain")
    assert answer.code == 0
    assert files(home) == {"invoices_explain.py", "test_invoices_explain.py"}
    assert '@agent_task("invoices.explain", agents=TEAM)' in (home / "invoices_explain.py").read_text()
    assert "from invoices_explain import ENTRIES" in (home / "test_invoices_explain.py").read_text()
    assert "python -m pytest test_invoices_explain.py" in answer.out
    assert f"export BACKDESK_TASK_MODULES={SHIPPED},invoices_explain\n" in answer.out
    assert "backdesk submit invoices.explain --message" in answer.out


def test_a_plain_kind_has_no_model(cli: Cli, home: Path) -> None:
    cli("new", "task", "words.count", "--plain")
    text = (home / "words_count.py").read_text()
    assert '@task("words.count"' in text
    assert "agent" not in text


@pytest.mark.parametrize("flavour", ["--agent", "--plain"])
def test_what_is_begun_needs_no_names_but_those_of_the_front_doors(cli: Cli, home: Path, flavour: str) -> None:
    cli("new", "task", "words.count", flavour)
    imported = {
        line.split()[1] for path in home.iterdir() for line in path.read_text().splitlines() if "import" in line
    }
    doors = {name for name in imported if name.startswith("backdesk")}
    assert doors <= {"backdesk.agents", "backdesk.testing", "backdesk.worker"}


def test_what_would_be_written_is_shown_and_nothing_written(cli: Cli, home: Path) -> None:
    answer = cli("new", "task", "invoices.explain", "--dry-run")
    assert "would write invoices_explain.py" in answer.out
    assert '@agent_task("invoices.explain", agents=TEAM)' in answer.out
    assert files(home) == set()


def test_for_programs_it_is_one_document(cli: Cli, home: Path) -> None:
    document = cli("new", "task", "invoices.explain", "--json").document
    assert (document["kind"], document["module"], document["written"]) == (
        "invoices.explain",
        "invoices_explain",
        True,
    )
    assert document["files"] == {"invoices_explain.py": None, "test_invoices_explain.py": None}
    shown = cli("new", "task", "other.kind", "--dry-run", "--json").document
    assert "other.kind" in shown["files"]["other_kind.py"]


def test_in_a_package_the_module_is_named_with_it(cli: Cli, home: Path) -> None:
    (home / "mine" / "kinds").mkdir(parents=True)
    for folder in ("mine", "mine/kinds"):
        (home / folder / "__init__.py").touch()
    answer = cli("new", "task", "json", "--folder", "mine/kinds")
    assert f"export BACKDESK_TASK_MODULES={SHIPPED},mine.kinds.json\n" in answer.out
    assert "from mine.kinds.json import ENTRIES" in (home / "mine/kinds/test_json.py").read_text()


def test_within_backdesk_the_module_is_one_of_its_packages(cli: Cli, home: Path) -> None:
    folder = home / "backdesk" / "kinds"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    cli("new", "task", "words.count", "--plain", "--folder", str(folder))
    assert "from backdesk.kinds.words_count import" in (folder / "test_words_count.py").read_text()


@pytest.mark.parametrize(
    ("kind", "module"),
    [
        ("json", "task_json"),
        ("worker", "task_worker"),
        ("import", "task_import"),
        ("2fa.reset", "task_2fa_reset"),
        ("test.echo", "task_test_echo"),
        ("Grants@Night-ly", "grants_night_ly"),
    ],
)
def test_a_module_hides_no_other(cli: Cli, home: Path, kind: str, module: str) -> None:
    assert cli("new", "task", kind, "--json").document["module"] == module
    compile((home / f"{module}.py").read_text(), module, "exec")
    compile((home / f"test_{module}.py").read_text(), module, "exec")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["no spaces please"], "name: 'no spaces please' must be 1 to 128 letters, digits"),
        (["support.request"], "name: 'support.request' is a kind that ships with backdesk"),
        (["a.kind", "--folder", "nowhere"], "folder: there is no folder 'nowhere'"),
        (["taken"], "name: taken.py is there already, and is left as it is"),
        (["tested"], "name: test_tested.py is there already, and is left as it is"),
        ([], "Missing argument 'NAME'"),
    ],
)
def test_what_cannot_be_begun_is_refused_with_the_reason(
    cli: Cli, home: Path, words: list[str], complaint: str
) -> None:
    (home / "taken.py").write_text("mine")
    (home / "test_tested.py").write_text("mine")
    answer = cli("new", "task", *words)
    assert answer.code == 2
    assert complaint in answer.err
    assert files(home) == {"taken.py", "test_tested.py"}
    assert (home / "taken.py").read_text() == "mine"


def test_what_cannot_be_written_leaves_nothing_half_done(cli: Cli, home: Path) -> None:
    (home / "test_words_count.py").symlink_to("nowhere/at/all")
    answer = cli("new", "task", "words.count", "--plain")
    assert answer.code == 2
    assert "test_words_count.py cannot be written" in answer.err
    assert files(home) == {"test_words_count.py"}
