"""Libraries loaded without what they load by the way: memory that each process would keep, and never look at."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

#: What a package offers: of each name, the module that has it, and its name there.
Offers = dict[str, tuple[str, str]]


@contextmanager
def without(*modules: str) -> Iterator[None]:
    """Have modules that are not loaded yet look as if they were not installed, within the block.

    For libraries that load others where they find them. Who needs those can load them afterwards.
    """
    hidden = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is how Python is told that there is none
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def by_name(*packages: str) -> None:
    """Have packages load what they offer when it is asked for, one name at a time, where they would load all of it.

    A package that is loaded already is left alone, and so is one that does more than pass on names of its modules.
    Idempotent.
    """
    _finder.packages.update(packages)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


class _Finder(MetaPathFinder):
    """Finds the packages that are to load by name."""

    def __init__(self) -> None:
        self.packages: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self.packages:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _FrontDoor(fullname, spec.loader.path)
        return spec


_finder = _Finder()


class _FrontDoor(SourceFileLoader):
    """Loads a package as a front door, behind which its modules are loaded when something in them is asked for."""

    def exec_module(self, module: ModuleType) -> None:
        offers = _offers(self.get_data(self.path))
        if offers is None:
            super().exec_module(module)
            return

        def look_up(name: str) -> Any:
            value = vars(module)[name] = _asked_for(module.__name__, name, offers)
            return value

        vars(module).update(__getattr__=look_up, __dir__=lambda: sorted({*vars(module), *offers}), __all__=list(offers))


def _offers(source: bytes) -> Offers | None:
    """Return the names that a package passes on, None when it does anything else."""
    found: Offers = {}
    for statement in ast.parse(source).body:
        match statement:
            case ast.ImportFrom(module="__future__") | ast.Expr(value=ast.Constant()):
                pass
            case ast.Assign(targets=[ast.Name(id="__all__")]):
                pass
            case ast.ImportFrom(level=1, module=str(module), names=names) if all(each.name != "*" for each in names):
                found |= {each.asname or each.name: (module, each.name) for each in names}
            case _:
                return None
    return found


def _asked_for(package: str, name: str, offers: Offers) -> Any:
    """Load what a package offers by a name, else its module of that name. Raises AttributeError."""
    if name in offers:
        module, theirs = offers[name]
        return getattr(import_module(f"{package}.{module}"), theirs)
    module = f"{package}.{name}"
    try:
        if not name.startswith("_"):
            return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
    raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name)
