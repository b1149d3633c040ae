"""The programs that are known, each with what it may be asked.

None of these options executes, writes, follows links, or reads a file that is not named as an operand.
"""

from __future__ import annotations

from backdesk.tools.command.grammar import CommandGrammar, number, one_of, text

LS = CommandGrammar(
    "ls",
    flags=frozenset("aAlhRtSr1dFpsngoGQXm")
    | {"all", "almost-all", "directory", "human-readable", "recursive", "reverse", "size"},
    values={"I": text, "ignore": text, "hide": text, "sort": one_of("none", "size", "time", "extension", "version")},
)
CAT = CommandGrammar(
    "cat",
    flags=frozenset("nbsETvAet")
    | {"number", "number-nonblank", "squeeze-blank", "show-all", "show-ends", "show-tabs", "show-nonprinting"},
)
GREP = CommandGrammar(
    "grep",
    flags=frozenset("ivwxclLnHhoqsrEFGPaIbTz")
    | {"ignore-case", "invert-match", "word-regexp", "line-regexp", "count", "files-with-matches"}
    | {"files-without-match", "line-number", "with-filename", "no-filename", "only-matching", "quiet", "recursive"}
    | {"extended-regexp", "fixed-strings", "basic-regexp", "perl-regexp", "text", "no-messages"},
    values={
        **dict.fromkeys(("e", "regexp", "include", "exclude", "exclude-dir"), text),
        **dict.fromkeys(("m", "A", "B", "C", "max-count", "after-context", "before-context", "context"), number),
    },
    operands="pattern and paths",
    patterns=frozenset({"e", "regexp"}),
)
ECHO = CommandGrammar("echo", flags=frozenset("neE"), operands="texts", leading=True)
HEAD = CommandGrammar(
    "head", flags=frozenset("qv"), values={"n": number, "c": number, "lines": number, "bytes": number}
)
TAIL = CommandGrammar(
    "tail", flags=frozenset("qv"), values={"n": number, "c": number, "lines": number, "bytes": number}
)
WC = CommandGrammar("wc", flags=frozenset("clmwL") | {"bytes", "chars", "lines", "words", "max-line-length"})

KNOWN = {each.name: each for each in (LS, CAT, GREP, ECHO, HEAD, TAIL, WC)}
DEFAULT = ("ls", "cat", "grep", "echo")
