"""The kind `research.render`: a report is laid out as a PDF, in a process of its own.

What the report says goes into the layout as data (`report.typ`): markup in it is shown, and does nothing.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from backdesk.kinds.research.contract import Document, RenderRequest, RenderResult
from backdesk.kinds.research.settings import ResearchSettings
from backdesk.platform.tool_settings import settings_of
from backdesk.worker.attempt.context import BlockingContext
from backdesk.worker.attempt.task import task
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category

TEMPLATE = Path(__file__).with_name("report.typ")
MISSING = 'a PDF is made by a library that is not installed: pip install "backdesk[tools]"'
#: Scripts that the fonts that come with the library do not have.
SCRIPTS = {
    "CJK": "\u2e80-\u303f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff",
    "Hangul": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "Indic": "\u0980-\u0dff",  # but Devanagari
    "Thai and Lao": "\u0e00-\u0eff",
    "Burmese, Ethiopic and Khmer": "\u1000-\u109f\u1200-\u139f\u1780-\u17ff",
    "emoji": "\U0001f300-\U0001faff",
}


@task("research.render", queue="tools", timeout=120)
def research_render(ctx: BlockingContext, request: RenderRequest) -> RenderResult:
    """Lay a report out as a PDF, which is kept as a file of the job."""
    document = Document.model_validate_json(ctx.read_file(request.document))
    fonts = settings_of(ResearchSettings).fonts
    pdf = rendered(document, fonts)
    kept = ctx.keep_file(pdf, f"{request.name}.pdf", "application/pdf")
    return RenderResult(pdf=kept, pages=_pages(pdf), unreadable=[] if fonts else [*scripts_without_letters(document)])


def rendered(document: Document, fonts: Path | None = None) -> bytes:
    """Return a report as a PDF. Raises TaskError where the library is missing or cannot lay it out."""
    try:
        import typst  # noqa: PLC0415 - of the extra, and 30 MB
    except ImportError:
        raise TaskError("renderer_missing", MISSING, category=Category.VALIDATION) from None
    inputs = {"report": document.model_dump_json()}
    with tempfile.TemporaryDirectory(prefix="backdesk-report-") as root:  # empty: the layout finds no file
        try:
            compiler = typst.Compiler(
                TEMPLATE.read_bytes(),
                root=root,
                sys_inputs=inputs,
                font_paths=typst.Fonts(include_system_fonts=False, font_paths=[str(fonts)] if fonts else []),
                ignore_system_fonts=True,
                package_path=root,
                package_cache_path=root,
            )
            made = compiler.compile()
        except RuntimeError as error:
            message = f"the report cannot be laid out: {str(error).partition(chr(10))[0][:300]}"
            raise TaskError("not_rendered", message, category=Category.DATA_CORRUPTION) from None
    if not isinstance(made, bytes):
        raise TaskError("not_rendered", "the renderer made no single file", category=Category.DATA_CORRUPTION)
    return made


def scripts_without_letters(document: Document) -> Iterator[str]:
    """Yield the scripts of a report that stay empty boxes in the fonts that come with the library."""
    text = document.model_dump_json()
    yield from (script for script, signs in SCRIPTS.items() if re.search(f"[{signs}]", text))


def _pages(pdf: bytes) -> int:
    from pypdf import PdfReader  # noqa: PLC0415 - as above

    return len(PdfReader(BytesIO(pdf)).pages)
