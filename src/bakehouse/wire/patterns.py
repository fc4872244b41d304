"""Patterns of the models, which are written for Java, as Python's ``re`` takes them."""

from __future__ import annotations

import re
import warnings

_ALIKE = {
    r"^[ \t]*[\x20-\x7E]+([ \t]+[\x20-\x7E]+)*[ \t]*$": r"\t*[\x20-\x7E][\t\x20-\x7E]*",
}
"""Patterns for which some short texts take hours → ones that match the same texts at once."""

_BEYOND = "\\x80-\\U0010ffff"
_CLASSES = {
    "ASCII": r"\x00-\x7f",
    "Alnum": "A-Za-z0-9",
    "Alpha": "A-Za-z",
    "Digit": "0-9",
    "Graph": "!-~",
    "Lower": "a-z",
    "Print": " -~",
    "Punct": r"!-/:-@\[-`{-~",
    "Space": r"\t-\r ",
    "Upper": "A-Z",
    "L": f"A-Za-z{_BEYOND}",
    "IsAlphabetic": f"A-Za-z{_BEYOND}",
    "LD": f"A-Za-z0-9{_BEYOND}",
    "M": _BEYOND,
    "N": f"0-9{_BEYOND}",
    "P": rf"!-#%-*,-/:;?@\[-\]_{{}}{_BEYOND}",
    "S": f"$+<=>^`|~{_BEYOND}",
    "Z": f" {_BEYOND}",
}
"""Java's classes of characters as ranges for Python. Beyond ASCII all characters are in each."""
_REPEATED_END = re.compile(r"\$\{\d+,\d+\}$")
"""The end of the text, so many times: Java takes it for the end."""
_CLASS = re.compile(r"\\p\{(\w+)\}")


def compiled_pattern(pattern: str | None) -> re.Pattern[str] | None:
    """The pattern, or None where it uses a form of Java's that Python does not know."""
    if pattern is None:
        return None
    with warnings.catch_warnings():
        # Sets such as [[a] mean in Python what AWS means.
        warnings.simplefilter("ignore", FutureWarning)
        try:
            spelt = _ALIKE.get(pattern) or _for_python(pattern)
            return re.compile(spelt, re.DOTALL | re.ASCII)  # in Java \w is of ASCII only
        except re.error:
            return None


def _for_python(pattern: str) -> str:
    """The pattern with Java's classes of characters, such as L for letters, spelt out."""

    def spelt(found: re.Match[str]) -> str:
        ranges = _CLASSES.get(found[1])
        if ranges is None:
            return found[0]
        before = pattern[: found.start()]
        is_inside = _opening(before) > before.rfind("]")
        return ranges if is_inside else f"[{ranges}]"

    return _REPEATED_END.sub("", _CLASS.sub(spelt, pattern).replace(r"\z", r"\Z"))


def _opening(before: str) -> int:
    """Where the last bracket is that opens a set of characters; -1 if there is none."""
    return max((found.start() for found in re.finditer(r"(?<!\\)\[", before)), default=-1)
