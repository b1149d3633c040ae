r"""Where a number, or a word in Latin letters, begins and ends in a text of any script.

`\b` and `\w` take カード4111 for one word: scripts that write no space between words put none around numbers either.
"""

from __future__ import annotations

#: Letters of such scripts, without their digits, for a class of characters: Thai, Lao, Burmese, Khmer, Chinese,
#: Japanese, and Korean, which joins small words to what is before them.
UNPARTED = (
    "\u0e01-\u0e4e\u0e81-\u0ece\u1000-\u103f\u1100-\u11ff\u1780-\u17d3\u3005-\u3007\u3040-\ud7a3\uf900-\ufaff"
    "\uff66-\uff9d\U00020000-\U0003ffff"
)
#: Before and behind a number: no digit, and no letter but of these. Case does not matter to them, and is not looked at:
#: a pattern with IGNORECASE would compile each of 40,000 letters in both, for eight milliseconds.
BEGINS, ENDS = rf"(?-i:(?<![^\W{UNPARTED}]))", rf"(?-i:(?![^\W{UNPARTED}]))"
#: On either side of a word in ASCII: letters of all other scripts end it.
EDGE = r"(?a:\b)"
