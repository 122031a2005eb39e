"""The fixed PowerShell scripts of the connector: the exit-code epilogue, and file transfer in chunks.

Everything else that is sent to a host is one pipeline that a person could type. These few texts are the
exception, because PowerShell remoting has no word for a native program's exit code and none for a file. They
are constants: what varies is bound to their parameters, never pasted into their text. Each is valid in
Windows PowerShell 5.1 and in PowerShell 7; put and get are sent with ``use_local_scope``, so that their
variables and their ``$ErrorActionPreference`` end with them.

Why 4 MiB a chunk: bytes travel as Base64 text inside one serialised object, and a session configuration takes
objects of up to 10 MB by default, so 7.5 MB would be the end of what can be sent.
"""

from typing import Final

CHUNK_SIZE: Final = 4 * 1024 * 1024
"""How many bytes of a file one pipeline carries."""

PART_SUFFIX: Final = ".part"
"""What is added to a path while the file is on its way: always the same, so a broken upload is replaced."""

EPILOGUE: Final = '"$LASTEXITCODE"; $global:LASTEXITCODE = $null'
"""Second statement after every command: the exit code of its last native program, ``''`` if it started none.

It runs only if the command before it completed, and its string is always the last output object.
"""

RESET_EXIT_CODE: Final = "$global:LASTEXITCODE = $null"
"""Forget an exit code that a command left behind when it failed before its epilogue."""

PUT: Final = r"""
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
"""Write one chunk of a file beside its place; with the last chunk verify the whole and put it in place.

Parameters: ``Path`` (absolute), ``Offset`` of this chunk (0 starts anew), ``Data`` (bytes), ``Sha256``
(hexadecimal digest of the whole file with the last chunk, empty with all others). Prints nothing.

``File.Replace`` keeps the access rules of the file it replaces; ``Move-Item -Force`` would delete it first.
"""

GET: Final = r"""
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
"""Read one chunk of a file.

Parameters: ``Path`` (absolute), ``Offset``, ``Count`` (at most this many bytes). Prints the length of the
whole file, the chunk as Base64 text (``''`` at the end of the file), and for offset 0 the SHA256 digest of
the whole file.
"""
