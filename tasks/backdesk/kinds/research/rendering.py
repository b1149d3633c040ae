"""The layout of a report as a PDF.

What the report says goes into the layout as data (`report.typ`): markup in it is shown, and does nothing.
"""

from __future__ import annotations

import re
import tempfile
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from backdesk.kinds.research.contract import RenderRequest, RenderResult
from backdesk.kinds.research.document import Document
from backdesk.kinds.research.settings import ResearchSettings
from backdesk.platform.tool_settings import settings_of
from backdesk.worker.attempt.context import BlockingContext
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category

TEMPLATE = Path(__file__).with_name("report.typ")
MISSING = 'a PDF is made by a library that is not installed: pip install "backdesk[tools]"'
#: What the library says of each character that it draws as an empty box, where it is asked not to.
_BOX = re.compile(r'the text `"(.+?)"` could not be displayed', re.DOTALL)
#: What is none of the Latin, Greek and Cyrillic letters and of the signs around them that the library's own fonts have.
_UNUSUAL = re.compile(r"[^\0-\u052f\u2000-\u206f\u20a0-\u20bf]")
NOTE = (
    "Some of this report cannot be shown here, as there were no fonts for it ({scripts}). Its Markdown has all of it."
)


def render(ctx: BlockingContext, request: RenderRequest) -> RenderResult:
    """Lay a report out as a PDF, which is kept as a file of the job."""
    document = Document.model_validate_json(ctx.read_file(request.document))
    fonts = settings_of(ResearchSettings).fonts
    if unreadable := scripts_without_letters(document, fonts):
        note = NOTE.format(scripts=", ".join(unreadable))
        document = document.model_copy(update={"about": [note, *document.about]})
    kept = ctx.keep_file(rendered(document, fonts), f"{request.name}.pdf", "application/pdf")
    return RenderResult(pdf=kept, unreadable=unreadable)


def rendered(document: Document, fonts: Path | None = None) -> bytes:
    """Return a report as a PDF, by the library's fonts, the system's, and those in a folder.

    Raises TaskError where the library is missing or cannot lay it out.
    """
    try:
        made = _compiled(document, fonts)
    except RuntimeError as error:
        message = f"the report cannot be laid out: {str(error).partition(chr(10))[0][:300]}"
        raise TaskError("not_rendered", message, category=Category.DATA_CORRUPTION) from None
    if not isinstance(made, bytes):
        raise TaskError("not_rendered", "the renderer made no single file", category=Category.DATA_CORRUPTION)
    return made


def scripts_without_letters(document: Document, fonts: Path | None = None) -> list[str]:
    """Return the scripts of a report of which some letters would be empty boxes. Raises as `rendered`."""
    if not _UNUSUAL.search(document.model_dump_json()):
        return []
    try:
        # As an archive would want it: there, a box is an error.
        _compiled(document, fonts, pdf_standards="a-2b")
    except RuntimeError as error:
        return [*_scripts(map(_unescaped, _BOX.findall(getattr(error, "diagnostic", ""))))]
    return []


def _compiled(document: Document, fonts: Path | None, **options: Any) -> Any:
    try:
        import typst  # noqa: PLC0415 - of the extra, and 30 MB
    except ImportError:
        raise TaskError("renderer_missing", MISSING, category=Category.VALIDATION) from None
    with tempfile.TemporaryDirectory(prefix="backdesk-report-") as root:  # empty: the layout finds no file
        compiler = typst.Compiler(
            TEMPLATE.read_bytes(),
            root=root,
            sys_inputs={"report": document.model_dump_json()},
            font_paths=typst.Fonts(font_paths=[str(fonts)] if fonts else []),
            package_path=root,
            package_cache_path=root,
        )
        return compiler.compile(**options)


def _unescaped(text: str) -> str:
    return re.sub(r"\\u\{([0-9a-f]+)\}", lambda found: chr(int(found[1], 16)), text)


def _scripts(texts: Iterable[str]) -> dict[str, None]:
    """Return the scripts of letters, as Unicode names them, and whether there are other signs; each once."""
    found: dict[str, None] = {}
    for character in "".join(texts):
        kind = unicodedata.category(character)[0]
        if kind in "LM":
            first = re.split(r"[ -]", unicodedata.name(character, "unknown"))[0]
            found[first if first == "CJK" else first.capitalize()] = None
        elif kind == "S":
            found["symbols"] = None
    return found
