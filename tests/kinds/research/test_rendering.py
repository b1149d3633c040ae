"""A PDF shows what others have written, and does nothing of what it says."""

from __future__ import annotations

from functools import partial
from io import BytesIO
from pathlib import Path
from shutil import copyfile

import pytest
import typst
from pypdf import PdfReader

from backdesk.agents import Say
from backdesk.kinds.research.contract import Plan, Topic
from backdesk.kinds.research.document import Block, Cited, Document, ListedSource
from backdesk.kinds.research.markdown import escaped, markdown
from backdesk.kinds.research.rendering import rendered, scripts_without_letters
from backdesk.testing import Bench, scripted
from backdesk.worker.submit.blob_access import blobs_of
from tests.kinds.research.researchers import REQUEST, Researcher

#: What would be markup, code or a file to read, in a layout or in Markdown.
ATTACKS = [
    '#read("/etc/passwd")',
    '#include "/etc/passwd"',
    '#import "@preview/tablex:0.0.8": *',
    '#panic("stop")',
    "#{ while true {} }",
    '#eval("1/0")',
    '#image("/etc/hostname")',
    '#link("https://evil.example")[click]',
    "#set page(width: 1pt)",
    "#sys.inputs.report",
    "*bold* _it_ `raw` $x^2$ <label> @ref",
    "= Heading",
    "/* comment",
    "// comment",
    "\\",
    '"}]}',
    "]]]} #(",
    "\u202eright to left",
]


def of(text: str) -> Document:
    sentence = Cited(text=text, sources=[1], marked=True)
    return Document(
        title=f"T {text}",
        about=[text],
        blocks=[Block(heading=f"H {text}", paragraphs=[[sentence]], items=[sentence])],
        sources=[ListedSource(number=1, text=text, address=text)],
        sources_heading=text,
        mark=text,
    )


def text_of(pdf: bytes) -> str:
    return "".join("".join(page.extract_text().split()) for page in PdfReader(BytesIO(pdf)).pages)


@pytest.mark.parametrize("attack", ATTACKS)
def test_markup_of_the_layout_is_shown_and_not_followed(attack: str) -> None:
    shown = text_of(rendered(of(attack)))
    secret = "".join(Path("/etc/passwd").read_text().partition("\n")[0].split())
    assert secret not in shown
    letters = [each for each in attack if each.isalnum() and each.isascii()]
    plain = "".join(each for each in shown if each.isalnum())
    assert plain.count("".join(letters)) >= 8


@pytest.mark.parametrize(
    "attack",
    [
        "[click](https://evil.example)",
        "![x](https://evil.example/?q=1)",
        "<img src=x onerror=alert()>",
        "<script>alert()</script>",
        "<https://evil.example>",
        "https://evil.example",
        "www.evil.example",
        "mailto:a@evil.example",
        "# Heading",
        "- item",
        "1. item",
        "> quote",
        "```\ncode\n```",
        "[1]: https://evil.example",
        "a\n\n# b",
        "&lt;b&gt;",
        "| a | b |",
    ],
)
def test_markup_of_markdown_is_shown_and_not_followed(attack: str) -> None:
    from markdown_it import MarkdownIt

    html = MarkdownIt("gfm-like", {"linkify": False}).render(f"{escaped(attack)}\n")
    inside = html.removeprefix("<p>").removesuffix("</p>\n")
    assert html.startswith("<p>")
    assert "<" not in inside
    assert "https://evil" not in escaped(attack)
    assert "www.evil" not in escaped(attack)


@pytest.fixture
def no_system_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typst, "Fonts", partial(typst.Fonts, include_system_fonts=False))


@pytest.mark.usefixtures("no_system_fonts")
@pytest.mark.parametrize(
    ("text", "scripts"),
    [
        ("中文 and 한국어 🙂。", {"CJK", "Hangul", "symbols"}),
        ("แบตเตอรี่เกลือ", {"Thai"}),
        ("カタカナとひらがな", {"Katakana", "Hiragana"}),
        ("Ελληνικά Русский עברית العربية łőç हिन्दी “€”", set()),
        ('the text `"中"` could not be displayed', {"CJK"}),
        ('the text `"x"` could not be displayed', set()),
    ],
)
def test_what_there_is_no_font_for_is_told(text: str, scripts: set[str]) -> None:
    assert {*scripts_without_letters(of(text))} == scripts


#: A font of many systems with letters that those of the layout have not.
DEJAVU = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
TIFINAGH = "ⵜⴰⵎⴰⵣⵉⵖⵜ"


@pytest.mark.skipif(not DEJAVU.exists(), reason="this machine has not that font")
def test_fonts_of_the_system_are_found_and_so_are_those_of_a_folder(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    assert scripts_without_letters(of(TIFINAGH)) == []
    request.getfixturevalue("no_system_fonts")
    assert scripts_without_letters(of(TIFINAGH)) == ["Tifinagh"]
    copyfile(DEJAVU, tmp_path / "font.ttf")
    assert scripts_without_letters(of(TIFINAGH), tmp_path) == []


@pytest.mark.usefixtures("no_system_fonts")
def test_a_report_with_empty_boxes_says_so_and_so_does_its_pdf(bench: Bench) -> None:
    topic = Topic(title="Life", question="How long?", queries=["brinecells capacity full cycles"])
    with scripted(rule=Researcher(planner=lambda given: Say(Plan(title="電池", topics=[topic])))):
        result = bench.run("research.report", REQUEST).result
    assert result.pdf_unreadable == ["CJK"]
    assert not result.complete
    assert result.problems[-1].startswith("The PDF has empty boxes for CJK")
    store = blobs_of(bench.settings).store
    assert "nofontsforit(CJK)" in text_of(store.read(result.pdf, "default"))


def test_a_report_of_many_pages_numbers_them() -> None:
    paragraph = [Cited(text="The gel does not burn. " * 40, sources=[1])]
    document = Document(title="Long", blocks=[Block(heading="Much", paragraphs=[paragraph] * 30)])
    pages = PdfReader(BytesIO(rendered(document))).pages
    assert len(pages) > 3
    assert f"2 / {len(pages)}" in pages[1].extract_text()
    assert markdown(document).count("The gel") == 1200
