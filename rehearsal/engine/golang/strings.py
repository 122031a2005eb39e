"""Text as Go changes and compares it (package strings), where Python's own methods differ."""

from __future__ import annotations

_SEPARATORS = "\x1c\x1d\x1e\x1f"  # white space to Python, not to Go
_SPACE = "".join(chr(code) for code in range(0x3001) if chr(code).isspace() and chr(code) not in _SEPARATORS)


def trim_space(text: str) -> str:
    """Return ``text`` without white space at its ends (strings.TrimSpace)."""
    return text.strip(_SPACE)


def to_lower(text: str) -> str:
    """Return ``text`` in small letters, each character by itself (strings.ToLower)."""
    return "".join(char.lower()[:1] for char in text)


def equal_fold(one: str, other: str) -> bool:
    """Whether two texts differ in case only, each character by itself (strings.EqualFold)."""
    return len(one) == len(other) and all(_fold(a) == _fold(b) for a, b in zip(one, other, strict=True))


def _fold(char: str) -> str:
    folded = char.casefold()
    return folded if len(folded) == 1 else char
