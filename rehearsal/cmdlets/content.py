"""Cmdlets over what is in files: read and write text, hash, unpack."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

from rehearsal.cmdlets.files import FORCE
from rehearsal.cmdlets.paths import PATH, absolute, failed, given, noted, resolve
from rehearsal.interfaces import WindowsError
from rehearsal.shell.binding import text
from rehearsal.shell.cmdlet import Bound, Context, Parameter, cmdlet
from rehearsal.shell.values import PsError, PsObject, Value

ENCODINGS = ("Default", "UTF8", "Unicode", "ASCII", "OEM", "BigEndianUnicode")
_CODECS = {
    "Default": "cp1252",
    "ASCII": "ascii",
    "OEM": "cp437",
    "UTF8": "utf-8",
    "Unicode": "utf-16-le",
    "BigEndianUnicode": "utf-16-be",
}
_MARKS = {"utf-8": b"\xef\xbb\xbf", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}
ENCODING = Parameter("Encoding", choices=ENCODINGS)
ALGORITHMS = ("SHA1", "SHA256", "SHA384", "SHA512", "MD5")


@cmdlet(
    "Get-Content",
    *PATH,
    Parameter("Raw", "switch"),
    ENCODING,
    Parameter("TotalCount", "number", aliases=("First", "Head")),
    Parameter("Tail", "number", aliases=("Last",)),
    FORCE,
)
def get_content(context: Context, bound: Bound) -> Iterator[Value]:
    """Read text, by lines or whole. A byte order mark beats -Encoding, whose default is the ANSI code
    page.
    """
    for path, literal in given(bound):
        for found in resolve(context, path, literal=literal):
            try:
                content = decode(context.host.files.read(found), bound["Encoding"] or "Default")
            except WindowsError as error:
                context.error(failed(context, error, found, "GetContentReaderUnauthorizedAccessError"))
                continue
            if bound["Raw"]:
                if content:
                    yield noted(found, content)
                continue
            lines = content.replace("\r\n", "\n").removesuffix("\n").split("\n") if content else []
            if bound["TotalCount"] is not None:
                lines = lines[: bound["TotalCount"]]
            if bound["Tail"] is not None:
                lines = lines[-bound["Tail"] :] if bound["Tail"] else []
            yield from (noted(found, line, number) for number, line in enumerate(lines, 1))


def decode(content: bytes, encoding: str) -> str:
    """Return text as Windows PowerShell 5.1 reads it."""
    for codec, mark in _MARKS.items():
        if content.startswith(mark):
            return content[len(mark) :].decode(codec, "replace")
    return content.decode(_CODECS[encoding], "replace")


@cmdlet(
    "Set-Content",
    *PATH,
    Parameter("Value", "items", 1, pipeline="value"),
    ENCODING,
    Parameter("NoNewline", "switch"),
    FORCE,
)
def set_content(context: Context, bound: Bound) -> Iterator[Value]:
    """Write text; 5.1 puts a byte order mark in front of UTF8 and Unicode."""
    values = bound["Value"] or bound.input or []
    end = "" if bound["NoNewline"] else "\r\n"
    codec = _CODECS[bound["Encoding"] or "Default"]
    content = "".join(f"{text(value)}{end}" for value in values).encode(codec, "replace")
    for path in [*(bound["LiteralPath"] or []), *(bound["Path"] or [])]:
        full = absolute(path)
        try:
            context.host.files.write(full, _MARKS.get(codec, b"") + content)
            context.host.changed(f"file {full} written")
        except WindowsError as error:
            context.error(failed(context, error, full, "GetContentWriterIOError"))
    yield from ()


@cmdlet("Get-FileHash", *PATH, Parameter("Algorithm", choices=ALGORITHMS))
def get_file_hash(context: Context, bound: Bound) -> Iterator[Value]:
    """Digest files."""
    algorithm = bound["Algorithm"] or "SHA256"
    for path, literal in given(bound):
        for found in resolve(context, path, literal=literal):
            if context.host.files.is_directory(found):
                continue
            digest = context.host.files.digest(found, algorithm.lower())
            kind = "Microsoft.Powershell.Utility.FileHash"
            yield PsObject(kind, {"Algorithm": algorithm, "Hash": digest, "Path": found}, text=kind)


@cmdlet(
    "Expand-Archive",
    Parameter("Path", position=0),
    Parameter("LiteralPath", aliases=("PSPath",)),
    Parameter("DestinationPath", position=1),
    FORCE,
)
def expand_archive(context: Context, bound: Bound) -> Iterator[Value]:
    """Unpack zip archives; a file that is there is an error without -Force."""
    for path, literal in given(bound):
        if not path.casefold().endswith(".zip"):
            extension = path.rpartition(".")[2]
            message = (
                f".{extension} is not a supported archive file format. .zip is the only "
                "supported archive file format."
            )
            context.error(_archive_error(context, message, "NotSupportedArchiveFileExtension"))
            continue
        for found in resolve(context, path, literal=literal):
            target = absolute(bound["DestinationPath"] or found.removesuffix(".zip"))
            _unpack(context, found, target, force=bool(bound["Force"]))
    yield from ()


def _unpack(context: Context, archive: str, target: str, *, force: bool) -> None:
    files = context.host.files
    try:
        with zipfile.ZipFile(io.BytesIO(files.read(archive))) as content:
            members = [member for member in content.infolist() if not member.is_dir()]
            places = {member.filename: _place(target, member.filename) for member in members}
            taken = [place for place in places.values() if files.exists(place)]
            if taken and not force:
                message = (
                    f"Failed to create file '{taken[0]}' while expanding the archive file "
                    f"'{archive}' contents as the file '{taken[0]}' already exists. Use the -Force "
                    f"parameter if you want to overwrite the existing directory '{target}' "
                    "contents when expanding the archive file."
                )
                context.error(_archive_error(context, message, "ExpandArchiveFileExists"))
                return
            files.make_directory(target)
            for member in members:
                place = places[member.filename]
                files.make_directory(place.rpartition("\\")[0])
                files.write(place, content.read(member))
    except zipfile.BadZipFile:
        context.error(
            _archive_error(context, "End of Central Directory record could not be found.", "InvalidData")
        )
    except WindowsError as error:
        context.error(failed(context, error, error.path or target))
    else:
        context.host.changed(f"{archive} expanded to {target}")


def _place(target: str, name: str) -> str:
    parts = [part for part in name.replace("\\", "/").split("/") if part not in {"", "."}]
    if ".." in parts:
        raise WindowsError(123, "The archive holds a path that leads out of it.", name)
    return "\\".join([target.rstrip("\\"), *parts])


def _archive_error(context: Context, message: str, error_id: str) -> PsError:
    exception = "System.IO.IOException"
    return PsError(
        message, f"{error_id},Expand-Archive", "InvalidArgument", exception, activity=context.command
    )
