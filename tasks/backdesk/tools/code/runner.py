"""Runs the code of an agent in isolation, and leaves a report of it: this file is what the interpreter is given there.

    python -I -S -B -c "<this file>" [FOLDER OF PACKAGES ...]

The code is in `main.py`, the report goes to `.report.json`, both in the current folder. All of this is in the code's
own hands while it runs: what is reported is the code's word, and is read as such.
"""

import ast
import builtins
import json
import os
import sys
import traceback

CODE, REPORT = "main.py", ".report.json"
#: What is told of a traceback, and how large a result may be as JSON.
MOST_LINES, MOST_BYTES = 20, 200_000


def main() -> None:
    sys.path += sys.argv[1:]
    sys.argv = [CODE]
    report = os.open(REPORT, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    sys.setrecursionlimit(3_000)
    told = json.dumps(outcome(), allow_nan=False).encode()
    sys.stdout.flush()
    os.pwrite(report, told, 0)


def outcome() -> dict[str, object]:
    """Run the code, and return its result and its error."""
    names: dict[str, object] = {"__name__": "__main__", "__builtins__": builtins}
    value, error = None, None
    try:
        value = evaluated(names)
    except SystemExit as end:
        error = None if end.code in (None, 0) else f"SystemExit: {end.code}"
    except BaseException as failure:  # noqa: BLE001 - whatever the code raises is its result
        error = told_of(failure)
    if value is None:
        value = names.get("result")
    try:
        size = len(json.dumps(value, allow_nan=False).encode())
    except BaseException as failure:  # noqa: BLE001 - of objects of the code
        reason = (
            f"the result is no JSON ({type(failure).__name__}: {failure}): make it of lists, dicts, text and numbers"
        )
        return {"result": None, "error": error or reason}
    if size > MOST_BYTES:
        reason = f"the result has {size} bytes as JSON, the limit is {MOST_BYTES}: write it to a file, or summarise it"
        return {"result": None, "error": error or reason}
    return {"result": value, "error": error}


def evaluated(names: dict[str, object]) -> object:
    """Run the code, and return what its last line is worth if that is an expression."""
    with open(CODE, encoding="utf-8") as file:  # noqa: PTH123 - pathlib takes as long to load as all else here
        tree = ast.parse(file.read(), CODE)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, CODE, "exec"), names)  # noqa: S102 - it is what this process is for
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), CODE, "eval"), names)  # noqa: S307 - as above


def told_of(failure: BaseException) -> str:
    """Return the end of a traceback: lines of the code, none of this file or of libraries."""
    summary = traceback.TracebackException.from_exception(failure, compact=True)
    summary.stack = traceback.StackSummary.from_list([frame for frame in summary.stack if frame.filename == CODE])
    summary.__context__ = summary.__cause__ = None
    lines = "".join(summary.format()).rstrip().splitlines()
    return "\n".join(lines[-MOST_LINES:])[-4_000:]


if __name__ == "__main__":
    main()
