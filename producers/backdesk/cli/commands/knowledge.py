"""`backdesk knowledge`: the articles that agents answer from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from backdesk.cli.connection import connected
from backdesk.cli.errors import ErrorReport, ExitCode, report_on
from backdesk.cli.output import AsJson, Output
from backdesk.cli.safe_text import safe_line
from backdesk.cli.views.columns import fitted
from backdesk.service.knowledge.contract import Document, KnowledgeResult, PassageFound
from backdesk.service.knowledge.documents import READERS, DocumentUnreadable, read_document
from backdesk.worker.errors import InvalidRequest, JobFailed, PayloadTooLarge
from backdesk.worker.model.job import DEFAULT_TENANT

_COLUMNS = ("slug", "lang", "passages", "vectors", "updated", "title")
#: How much of a passage a search shows, in characters.
_SHOWN = 300

Tenant = Annotated[str, typer.Option(metavar="NAME", help="Whose knowledge base it is.")]


def add(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, or folders with all that is in them.")],
    *,
    tenant: Tenant = DEFAULT_TENANT,
    language: Annotated[
        str | None, typer.Option(metavar="CODE", help="Of the text, such as de; found out otherwise.")
    ] = None,
    slug: Annotated[str | None, typer.Option(metavar="SLUG", help="Of a single file; by its name otherwise.")] = None,
    keywords: Annotated[
        str | None, typer.Option(metavar="WORDS", help="What customers call it, in any languages.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add documents: Markdown, HTML, PDF or plain text. One of the same slug is replaced, an unchanged one left alone.

    For example:

        backdesk knowledge add pairing.md --keywords "earphones headset Kopfhörer koppeln"
        backdesk knowledge add manuals/ --tenant acme --language de

    Files are read here, which needs `pip install "backdesk[knowledge]"`. Markdown may say `title`, `language`,
    `keywords` and `slug` in a front matter. What cannot be read is told with the reason, and the others are added.

    With --json this is one object a file: `path`, `slug`, `state`, `passages`, `embedded`, or an error.

    """
    out = Output(as_json=as_json)
    files = _files(paths)
    if slug is not None and len(files) != 1:
        raise InvalidRequest("slug", f"names one document, and there are {len(files)}: leave it out")
    failed, taken = 0, dict[str, Path]()
    with connected() as client, _told(len(files), out) as advance:
        for path in files:
            try:
                document = read_document(path, slug=slug, language=language, keywords=keywords)
                _check_slug(document, path, taken)
                _tell_added(path, client.knowledge.add(document, tenant=tenant), out)
            except (DocumentUnreadable, OSError, JobFailed, PayloadTooLarge) as error:
                failed += 1
                out.refusal({"path": str(path)}, _report(path, error))
            advance()
    if failed:
        raise typer.Exit(ExitCode.FAILED)


def list_articles(*, tenant: Tenant = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """List the articles: in which language, of how many passages, and how many of these have vectors.

    For example:

        backdesk knowledge list --tenant acme

    With --json this is one array of articles.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        articles = client.knowledge.list(tenant=tenant)
    out.document(articles)
    if not articles:
        out.line("no articles: add some by `backdesk knowledge add PATH`")
        return
    rows = [
        [
            each.slug,
            each.language,
            str(each.passages),
            str(each.embedded),
            f"{each.updated_at:%Y-%m-%d}" if each.updated_at else "",
            safe_line(each.title),
        ]
        for each in articles
    ]
    out.show(fitted(_COLUMNS, rows, width=out.console.width))


def remove(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="The article, as `list` names it.")],
    *,
    tenant: Tenant = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Remove an article. Agents find it no more; what they have answered from it stays.

    For example:

        backdesk knowledge remove pairing --tenant acme

    With --json this is `{"slug": ..., "state": "removed"}`.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        client.knowledge.remove(slug, tenant=tenant)
    out.document({"slug": slug, "state": "removed"})
    out.line(safe_line(f"removed: {slug}"), "green")


def search(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What a customer might write, in any language.")],
    *,
    tenant: Tenant = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Search as agents do: the passages that fit, the best first, each by what an answer cites it.

    For example:

        backdesk knowledge search "earphones no pairing"
        backdesk knowledge search "Kopfhörer koppeln" --tenant acme

    With --json this has `found`, what was searched `by`, and the `problem` that vectors had.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        result = client.knowledge.search(query, tenant=tenant)
    out.document(result.model_dump(mode="json", include={"found", "by", "problem", "cost_usd"}))
    if not result.found:
        out.line("nothing found")
    for each in result.found:
        _tell_found(each, out)
    _tell_problem(result, out)


def index(*, tenant: Tenant = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """Make the vectors that passages lack: after a model of embeddings was configured or changed, or has failed.

    For example:

        backdesk knowledge index --tenant acme

    With --json this has how many were `embedded`, how many are `left`, and the `problem` if there was one.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        result = client.knowledge.index(tenant=tenant)
        done = result.embedded
        with Progress(console=out.console, transient=True, disable=not out.live) as bar:
            task = bar.add_task("embedding", total=done + result.left, completed=done)
            while result.left and result.embedded:
                result = client.knowledge.index(tenant=tenant)
                done += result.embedded
                bar.update(task, completed=done)
    out.document({"embedded": done, "left": result.left, "problem": result.problem})
    out.line(f"{done} passages got vectors, {result.left} are without")
    _tell_problem(result, out)
    if result.problem:
        raise typer.Exit(ExitCode.FAILED)


def _files(paths: Sequence[Path]) -> list[Path]:
    """Return the files that are meant, of a folder those that can be read. Raises InvalidRequest for none."""
    found = [each for path in paths for each in ([path] if not path.is_dir() else sorted(path.rglob("*")))]
    inside = [each for each in found if each in paths or (each.is_file() and each.suffix.lower() in READERS)]
    if not inside:
        raise InvalidRequest("path", f"there is nothing that ends in {', '.join(READERS)}")
    return list(dict.fromkeys(inside))


def _check_slug(document: Document, path: Path, taken: dict[str, Path]) -> None:
    if (other := taken.setdefault(document.slug, path)) != path:
        raise DocumentUnreadable(f"{other} has the same slug, {document.slug!r}: add it by itself with --slug")


def _report(path: Path, error: Exception) -> ErrorReport:
    if isinstance(error, JobFailed | PayloadTooLarge):
        known = report_on(error)
        return ErrorReport(known.exit_code, known.code, f"{path}: {known.message}")
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return ErrorReport(ExitCode.FAILED, "document_unreadable", f"{path}: {reason}")


@contextmanager
def _told(total: int, out: Output) -> Iterator[Callable[[], None]]:
    with Progress(console=out.console, transient=True, disable=not out.live or total < 2) as bar:
        task = bar.add_task("adding", total=total)
        yield lambda: bar.advance(task)


def _tell_added(path: Path, result: KnowledgeResult, out: Output) -> None:
    (article,) = result.articles
    counts = {"passages": article.passages, "embedded": article.embedded}
    out.document({"path": str(path), "slug": article.slug, "state": result.state, **counts, "problem": result.problem})
    passages = f"{article.passages} passage{'s' * (article.passages != 1)}"
    language = f", {article.language}" if article.language else ""
    style = "" if result.state == "unchanged" else "green"
    out.line(safe_line(f"{result.state}: {article.slug} ({passages}{language})"), style)
    _tell_problem(result, out)


def _tell_found(each: PassageFound, out: Output) -> None:
    heading = f", {each.heading}" if each.heading else ""
    out.line(safe_line(f"[{each.slug}#{each.passage}] {each.title}{heading}"), "bold")
    text = " ".join(each.text.split())
    out.line(f"  {safe_line(text[:_SHOWN])}{' ...' if len(text) > _SHOWN else ''}")


def _tell_problem(result: KnowledgeResult, out: Output) -> None:
    if result.problem:
        out.note(f"without vectors, by words alone: {result.problem}", "yellow")


#: The commands under `backdesk knowledge`, by name.
COMMANDS: dict[str, Callable[..., None]] = {
    "add": add,
    "list": list_articles,
    "remove": remove,
    "search": search,
    "index": index,
}
