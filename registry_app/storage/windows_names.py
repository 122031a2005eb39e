r"""Which names a Windows disk can hold, and which two it takes for one. Pure: no disk, any platform.

A path with the prefix ``\\?\`` gets every name past Win32, also ``aux`` and ``v1.``, and NTFS stores it. We
refuse such names all the same. What is in the host's data directory must be in the hands of the host's
administrator: Explorer and ``Remove-Item`` cannot remove ``aux``, a copy turns ``v1.`` into ``v1``, which is
another tag, and so what was stored exactly would be merged by the first backup. What is there already is
still served, exactly.

Source: Microsoft, "Naming Files, Paths, and Namespaces".
"""

import re

LONGEST_COMPONENT = 255
"""UTF-16 code units in one name on NTFS and ReFS."""
LONGEST_PATH = 32_766
"""UTF-16 code units in an extended-length path, less the terminating zero."""
LONGEST_SHORT_PATH = 259
"""MAX_PATH less the terminating zero: what programs without long-path support can reach."""

_DEVICE = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[1-9¹²³])[ ]*(\..*)?", re.IGNORECASE | re.DOTALL
)
_FORBIDDEN = re.compile(r'[\x00-\x1f<>:"/\\|?*]')


def why_not_storable(name: str) -> str | None:
    """Return what is wrong with ``name`` as one component of a path, as a clause; None if nothing is.

    >>> why_not_storable("v1.")
    'Windows drops a dot or a space at the end of a name'
    >>> why_not_storable("console") is None
    True
    """
    if name in ("", ".", ".."):
        return "it is no name"
    if _DEVICE.fullmatch(name):
        return "Windows reserves it for a device"
    if name[-1] in ". ":
        return "Windows drops a dot or a space at the end of a name"
    if forbidden := _FORBIDDEN.search(name):
        return f"Windows forbids {forbidden.group()!r} in names"
    if units(name) > LONGEST_COMPONENT:
        return f"it is longer than {LONGEST_COMPONENT} characters"
    return None


def units(text: str) -> int:
    """Return the length of ``text`` as Windows counts it, in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def fold(name: str) -> str:
    """Return what NTFS compares: each character in upper case, if that is one character.

    >>> fold("Straße") == fold("STRASSE")
    False
    """
    return "".join(upper if len(upper := character.upper()) == 1 else character for character in name)
