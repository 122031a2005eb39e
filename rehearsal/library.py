"""The fixed scripts that clients send, carried out by Python instead of a PowerShell interpreter.

A script is known by its exact text, so a client that changes it is told that it is unknown here, and
nothing is guessed. Two are the provisioner's (put and get a file in chunks), two are pypsrp's
``Client.copy`` and ``fetch``.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence

from rehearsal import command_line
from rehearsal.host import Host
from rehearsal.interfaces import WindowsError
from rehearsal.shell.values import Outcome, PsError, Record, RemoteCommand, Value

EPILOGUE = '"$LASTEXITCODE"; $global:LASTEXITCODE = $null'
"""Prints the exit code of the last native program, or an empty line, and forgets it."""

RESET_EXIT_CODE = "$global:LASTEXITCODE = $null"

PUT = r"""
param([string]$Path, [long]$Offset, [byte[]]$Data, [string]$Sha256)
$ErrorActionPreference = 'Stop'
$part = $Path + '.part'
$mode = if ($Offset -eq 0) { [System.IO.FileMode]::Create } else { [System.IO.FileMode]::Open }
$stream = New-Object -TypeName System.IO.FileStream -ArgumentList $part, $mode
try {
    if ($stream.Length -ne $Offset) { throw "$part has $($stream.Length) bytes, not $Offset" }
    [void]$stream.Seek($Offset, [System.IO.SeekOrigin]::Begin)
    $stream.Write($Data, 0, $Data.Length)
    $stream.Flush($true)
} finally {
    $stream.Dispose()
}
if ($Sha256 -eq '') { return }
$found = (Get-FileHash -LiteralPath $part -Algorithm SHA256).Hash
if ($found -ne $Sha256) {
    [System.IO.File]::Delete($part)
    throw "$Path arrived with SHA256 $found, not $Sha256"
}
if ([System.IO.File]::Exists($Path)) {
    [System.IO.File]::Replace($part, $Path, [NullString]::Value)
} else {
    [System.IO.File]::Move($part, $Path)
}
"""

GET = r"""
param([string]$Path, [long]$Offset, [int]$Count)
$ErrorActionPreference = 'Stop'
$stream = [System.IO.File]::Open($Path, 'Open', 'Read', 'ReadWrite')
try {
    "$($stream.Length)"
    [void]$stream.Seek($Offset, [System.IO.SeekOrigin]::Begin)
    $buffer = New-Object -TypeName 'byte[]' -ArgumentList $Count
    $filled = 0
    do {
        $read = $stream.Read($buffer, $filled, $Count - $filled)
        $filled += $read
    } while ($read -gt 0 -and $filled -lt $Count)
    [System.Convert]::ToBase64String($buffer, 0, $filled)
} finally {
    $stream.Dispose()
}
if ($Offset -eq 0) { (Get-FileHash -LiteralPath $Path -Algorithm SHA256).Hash }
"""

PYPSRP_COPY = "3c882b445a28347be063d8d369b1792dc5a5403a8c0d6ca3c3ec2444167f71bf"
PYPSRP_FETCH = "284a8f526a1860e2578ea4bfe098cf875fa8b71d313a2bdea74ef6da24a6d43e"
"""SHA256 of what pypsrp 0.9 sends: its own text is under its own licence and stays in its package."""

SILENT = (EPILOGUE, RESET_EXIT_CODE)
"""What the journal does not show: it comes with every command."""

Script = Callable[[Host, RemoteCommand, Sequence[Value]], Outcome]


def find(text: str) -> Script | None:
    """Return the script that ``text`` is, to the letter, or None."""
    if text == PUT:
        return put
    if text == GET:
        return get
    digest = hashlib.sha256(text.encode()).hexdigest()
    return {PYPSRP_COPY: pypsrp_copy, PYPSRP_FETCH: pypsrp_fetch}.get(digest)


def name_of(command: RemoteCommand) -> str | None:
    """Return what the journal calls a script of this library, or None for any other text."""
    script = find(command.text)
    if script is None:
        return None
    path = next((str(value) for name, value in command.parameters if name in {"Path", None}), "")
    return f"<{script.__name__}> {path}"


def put(host: Host, command: RemoteCommand, _: Sequence[Value]) -> Outcome:
    """Write one chunk beside the file; with the last one check the whole and put it in place."""
    path, offset, data, digest = _named(command, "Path", "Offset", "Data", "Sha256")
    part = f"{path}.part"
    try:
        host.files.append(str(part), _number(offset), data if isinstance(data, bytes) else b"")
        if digest:
            found = host.files.digest(part, "sha256")
            if found != str(digest).upper():
                host.files.remove(part)
                return _thrown(f"{path} arrived with SHA256 {found}, not {digest}")
            if host.files.exists(str(path)):
                host.files.replace(part, str(path))
            else:
                host.files.move(part, str(path))
            host.changed(f"file {path} written")
    except WindowsError as error:
        return _thrown(_io_message(error))
    return Outcome()


def get(host: Host, command: RemoteCommand, _: Sequence[Value]) -> Outcome:
    """Print a file's length, one chunk as Base64, and with the first chunk the digest of the whole."""
    path, offset, count = _named(command, "Path", "Offset", "Count")
    start = _number(offset)
    try:
        chunk, length = host.files.read_part(str(path), start, _number(count))
        lines = [str(length), base64.b64encode(chunk).decode()]
        if start == 0:
            lines.append(host.files.digest(str(path), "sha256"))
    except WindowsError as error:
        return _thrown(_io_message(error))
    return Outcome([Record("output", line) for line in lines])


def pypsrp_copy(host: Host, command: RemoteCommand, data: Sequence[Value]) -> Outcome:
    """Write a file from Base64 input, the last of which is the SHA1 of the whole; print the full path."""
    target = _unbound_path(host, command)
    pieces = [base64.b64decode(str(piece)) for piece in data]
    if not pieces:
        return _thrown("Transport failure, no input")
    content, expected = b"".join(pieces[:-1]), pieces[-1].decode()
    actual = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    if actual != expected:
        return _thrown(f"Transport failure, hash mismatch\r\nActual: {actual}\r\nExpected: {expected}")
    try:
        host.files.write(target, content)
    except WindowsError as error:
        return _thrown(_io_message(error))
    host.changed(f"file {target} written")
    return Outcome([Record("output", target)])


def pypsrp_fetch(host: Host, command: RemoteCommand, _: Sequence[Value]) -> Outcome:
    """Print a file as one Base64 text, and its SHA1."""
    source = _unbound_path(host, command)
    if host.files.is_directory(source):
        return _thrown(f"The path at '{source}' is a directory, src must be a file")
    if not host.files.exists(source):
        return _thrown(f"The path at '{source}' does not exist")
    content = host.files.read(source)
    digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    # the script's loop prints nothing for an empty file, which pypsrp then takes for a mismatch
    lines = [base64.b64encode(content).decode(), digest] if content else [digest]
    return Outcome([Record("output", line) for line in lines])


def _named(command: RemoteCommand, *names: str) -> list[Value]:
    given = {(name or "").casefold(): value for name, value in command.parameters}
    return [given.get(name.casefold()) for name in names]


def _number(value: Value) -> int:
    return value if isinstance(value, int) else int(str(value or 0))


def _unbound_path(host: Host, command: RemoteCommand) -> str:
    values = [value for _, value in command.parameters]
    path = str(values[0])
    if len(values) > 1 and values[1] is True:
        path = command_line.expand(path, host.environment)
    return path if path[1:2] == ":" else f"C:\\Users\\Administrator\\Documents\\{path}"


def _io_message(error: WindowsError) -> str:
    if error.code == 2:
        return f'Could not find file "{error.path}".'
    if error.code in {3, 15}:
        return f'Could not find a part of the path "{error.path}".'
    if error.code == 5:
        return f'Access to the path "{error.path}" is denied.'
    return error.message


def _thrown(message: str) -> Outcome:
    return Outcome(failure=PsError(message, message, "OperationStopped"))
