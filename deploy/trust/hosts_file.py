r"""The registry's name in ``C:\Windows\System32\drivers\etc\hosts``. Pure: bytes in, bytes out.

Our lines carry a mark at their end. They are replaced where they stand and never doubled; every other byte
stays as it is: foreign lines, their encoding, the way lines end.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PATH = r"C:\Windows\System32\drivers\etc\hosts"

MARK = b"# registry-lab"

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")


class HostsConflict(Exception):
    """Somebody else's line gives the name to another address, and the first line wins."""


@dataclass(frozen=True)
class _Line:
    raw: bytes

    @property
    def ours(self) -> bool:
        return self.raw.rstrip().endswith(MARK)

    @property
    def fields(self) -> list[str]:
        """Address and names. Bytes beyond ASCII only occur in comments, whatever the encoding."""
        return self.raw.partition(b"#")[0].decode("latin-1").split()


def edit(content: bytes, entries: Mapping[str, str]) -> bytes:
    """Return the hosts file ``content`` with our lines saying ``entries`` (name → address) and nothing else.

    Raises `HostsConflict` for a foreign line that contradicts, or a file that Windows itself cannot read.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise HostsConflict(
            "the hosts file is UTF-16, which Windows does not read there; save it as ANSI or UTF-8"
        )
    lines = [_Line(raw) for raw in _LINE.findall(content) if raw]
    foreign = [line for line in lines if not line.ours]
    ending = _line_ending(b"".join(line.raw for line in foreign))
    ours = [
        _entry(name, entries[name], ending)
        for name in sorted(entries)
        if not _given(foreign, name, entries[name])
    ]
    place = next((index for index, line in enumerate(lines) if line.ours), len(lines))
    before = b"".join(line.raw for line in lines[:place])
    after = b"".join(line.raw for line in lines[place:] if not line.ours)
    if before and ours and not before.endswith((b"\r", b"\n")):
        before += ending
    return before + b"".join(ours) + after


def _given(foreign: Sequence[_Line], name: str, address: str) -> bool:
    """Whether somebody else's line already says so."""
    for number, line in enumerate(foreign, start=1):
        fields = line.fields
        if name.lower() not in (field.lower() for field in fields[1:]):
            continue
        if fields[0] != address:
            raise HostsConflict(
                f"the hosts file gives {name} to {fields[0]} (line {number} of those not ours: "
                f"{line.raw.decode('latin-1').strip()!r}), wanted is {address}; remove that line or name"
            )
        return True
    return False


def _entry(name: str, address: str, ending: bytes) -> bytes:
    return f"{address}\t{name}\t".encode() + MARK + ending


def _line_ending(content: bytes) -> bytes:
    """The ending most lines have; Windows' own where there is none."""
    counted = Counter(re.findall(rb"\r\n|\n", content)).most_common(1)
    return counted[0][0] if counted else b"\r\n"
