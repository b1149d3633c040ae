"""What a new kind begins with: the templates of `tasks/backdesk/templates`, under the name that is asked for."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.job import NAME_PATTERN

TEMPLATES = "backdesk.templates"
#: A package of packages, which has no `__init__` itself.
NAMESPACE = "backdesk"


@dataclass(frozen=True, slots=True)
class Scaffold:
    """A kind that is about to be made: its module, and each file with its text."""

    kind: str
    module: str
    source: Path
    test: Path
    files: dict[Path, str]

    def write(self) -> None:
        """Write the files. Raises InvalidRequest, with nothing written, when one is there or cannot be written."""
        written: list[Path] = []
        try:
            for path, text in self.files.items():
                with path.open("x", encoding="utf-8") as file:
                    written.append(path)
                    file.write(text)
        except OSError as error:
            for path in written:
                path.unlink()
            raise InvalidRequest("folder", f"{error.filename} cannot be written: {error.strerror}") from None


def scaffold(kind: str, folder: Path, template: str) -> Scaffold:
    """Work out what a new kind is made of, by the template `agent` or `plain`. Writes nothing.

    Raises InvalidRequest for a name that is none or taken, a folder that there is not, and files that are there.
    """
    _check(kind, folder)
    packages = _packages(folder)
    name = _identifier(kind, folder, packages)
    module = ".".join((*packages, name))
    source, test = folder / f"{name}.py", folder / f"test_{name}.py"
    for path in (source, test):
        if path.exists():
            raise InvalidRequest("name", f"{path} is there already, and is left as it is")
    texts = {source: _text(template), test: _text(f"test_{template}")}
    words = {f"{TEMPLATES}.{template}": module, "example.kind": kind, "example_kind": name, "ExampleKind": _class(kind)}
    return Scaffold(kind, module, source, test, {path: _filled(text, words) for path, text in texts.items()})


def _check(kind: str, folder: Path) -> None:
    if not re.fullmatch(NAME_PATTERN, kind):
        raise InvalidRequest(
            "name", f"{kind!r} must be 1 to 128 letters, digits, or any of _ . @ -, such as invoices.explain"
        )
    from backdesk.kinds.contracts import KINDS  # noqa: PLC0415 - the models of all kinds, which no other command needs

    if kind in KINDS:
        raise InvalidRequest("name", f"{kind!r} is a kind that ships with backdesk; choose another name")
    if not folder.is_dir():
        raise InvalidRequest("folder", f"there is no folder {str(folder)!r}")


def _text(template: str) -> str:
    return (files(TEMPLATES) / f"{template}.py").read_text(encoding="utf-8")


def _filled(text: str, words: dict[str, str]) -> str:
    return re.sub("|".join(map(re.escape, words)), lambda match: words[match[0]], text)


def _identifier(kind: str, folder: Path, packages: list[str]) -> str:
    """Return a name for a kind's module and function that hides no other."""
    name = re.sub(r"\W+", "_", kind.lower(), flags=re.ASCII).strip("_")
    reserved = keyword.iskeyword(name) or keyword.issoftkeyword(name) or name.startswith("test_")
    if reserved or not name.isidentifier() or (not packages and _hides(name, folder)):
        return f"task_{name}"
    return name


def _hides(name: str, folder: Path) -> bool:
    """Whether a module of this name would take the place of another that can be imported."""
    if name in sys.stdlib_module_names:
        return True
    return not (folder / f"{name}.py").exists() and importlib.util.find_spec(name) is not None


def _class(kind: str) -> str:
    name = "".join(part[:1].upper() + part[1:] for part in re.split(r"[\W_]+", kind, flags=re.ASCII))
    return name if name.isidentifier() else f"Task{name}"


def _packages(folder: Path) -> list[str]:
    """Return the packages that a folder lies in, outermost first."""
    names: list[str] = []
    here = folder.resolve()
    while (here / "__init__.py").exists():
        names.insert(0, here.name)
        here = here.parent
    return [NAMESPACE, *names] if here.name == NAMESPACE else names
