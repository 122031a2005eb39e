"""daemon.json: its bytes, its names and its conflicts with flags (moby ``getConflictFreeConfiguration``)."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass

from rehearsal.engine.daemon.keys import CONFIG, FLAT_KEYS, KEYS_WITHOUT_FLAG
from rehearsal.engine.golang import jsontext, urls
from rehearsal.engine.golang.jsontypes import JsonTypeError, Misfits, check_floats, decode_struct
from rehearsal.engine.golang.pflag import FlagSet
from rehearsal.engine.golang.quoting import format_value, go_type
from rehearsal.engine.golang.strconv import ParseError
from rehearsal.engine.golang.strings import trim_space

_DECODER_BUFFER = 4096  # of golang.org/x/text; only the offset in a message shows it


class FileError(ValueError):
    """The file is refused; the message is the daemon's, without the words that name the file."""


class PanicError(RuntimeError):
    """dockerd itself breaks down: a value in the file is not of the type that its code takes for granted."""


@dataclass(frozen=True)
class FileConfiguration:
    """What a file says: ``values`` has every key of the struct, ``given`` the flattened keys that it has."""

    values: Mapping[str, object]
    given: Mapping[str, object]


def read(content: bytes, flags: FlagSet) -> FileConfiguration:
    """Return what ``content`` configures, or raise `FileError`.

    As in dockerd, a switch in the file also sets the flag of its name; the flag does not count as changed.
    """
    text = trim_space(decode(content))
    if not text:
        return FileConfiguration(_struct(jsontext.JsonObject(())), {})
    value = _parse(text)
    given = flatten(value)
    check_names(given, flags)
    check_conflicts(given, flags)
    _set_switches(given, flags)
    return FileConfiguration(_struct(value), given)


def decode(content: bytes) -> str:
    """Return the text of a file: UTF-8, or what its byte order mark says."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    start = len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0
    try:
        return content[start:].decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileError(
            f"failed to decode configuration JSON at offset {_offset_read(content, start)}: "
            "encoding: invalid UTF-8"
        ) from error


def _offset_read(content: bytes, start: int) -> int:
    """Return how far Go had read a text when it met bytes that are no UTF-8 (``transform.Chain``).

    It fills its buffer, in which a character that was cut off still waits for its rest, and then decodes.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    position = start
    while position < len(content):
        waiting, _ = decoder.getstate()
        block = content[position : position + _DECODER_BUFFER - len(waiting)]
        position += len(block)
        try:
            decoder.decode(block)
        except UnicodeDecodeError:
            break
    return position


def _parse(text: str) -> jsontext.JsonObject:
    try:
        value = jsontext.parse(text)
    except jsontext.JsonSyntaxError as error:
        raise FileError(f"invalid JSON: {error}") from error
    if value is None:
        return jsontext.JsonObject(())
    misfits = Misfits(root="")
    if not isinstance(value, jsontext.JsonObject):
        misfits.add(value, "map[string]interface {}")
    else:
        check_floats(value, misfits)
    if misfits.messages or not isinstance(value, jsontext.JsonObject):
        raise FileError(f"invalid JSON: {misfits.messages[0]}")
    return value


def _struct(value: jsontext.JsonObject) -> dict[str, object]:
    try:
        return decode_struct(value, CONFIG, "Config")
    except JsonTypeError as error:
        raise FileError(f"invalid JSON: {error}") from error


def flatten(value: jsontext.JsonObject) -> dict[str, object]:
    """Return the keys as dockerd checks them: an object's members stand for the object itself."""
    flat: dict[str, object] = {}
    for name, member in dict(value.members).items():  # of a name that comes twice, the last
        plain = jsontext.plain(member)
        if isinstance(plain, dict) and name not in FLAT_KEYS:
            flat.update(plain)
        else:
            flat[name] = plain
    return flat


def check_names(given: Mapping[str, object], flags: FlagSet) -> None:
    """Raise `FileError` if a key is the name neither of a flag nor of what a flag configures."""
    configured = {flag.config_name for flag in flags if flag.config_name}
    unknown = [
        name
        for name in given
        if flags.lookup(name) is None and name not in KEYS_WITHOUT_FLAG and name not in configured
    ]
    if unknown:
        raise FileError(
            f"the following directives don't match any configuration option: {', '.join(unknown)}"
        )


def check_conflicts(given: Mapping[str, object], flags: FlagSet) -> None:
    """Raise `FileError` if a key was given as a flag too, or as its older name."""
    conflicts = []
    for flag in flags:
        if not flag.changed:
            continue
        names = (flag.config_name,) if flag.config_name else (flag.name, flag.shorthand)
        name = next((name for name in names if name in given), None)
        if name is not None:
            conflicts.append(_conflict(name, str(flag.value), given[name]))
    errors = []
    if "host-gateway-ip" in given:
        if "host-gateway-ips" in given:
            errors.append(
                "host-gateway-ip and host-gateway-ips must not both be specified in the config file"
            )
        flag_again = flags.flags["host-gateway-ip"]
        if flag_again.changed:
            value = given["host-gateway-ip"]
            conflicts.append(_conflict("host-gateway-ip", str(flag_again.value), value))
    if conflicts:
        errors.append(
            "the following directives are specified both as a flag and in the configuration file: "
            + ", ".join(conflicts)
        )
    if errors:
        raise FileError("\n".join(errors))


def _conflict(name: str, flag_value: str, file_value: object) -> str:
    if name in ("http-proxy", "https-proxy"):
        if not isinstance(file_value, str):
            raise PanicError(f"interface conversion: interface {{}} is {go_type(file_value)}, not string")
        flag_value, file_value = mask_credentials(flag_value), mask_credentials(file_value)
    return f"{name}: (from flag: {flag_value}, from file: {format_value(file_value)})"


def mask_credentials(text: str) -> str:
    """Return a URL with its user and password hidden."""
    try:
        url = urls.parse(text)
    except urls.UrlError:
        return text
    return text if url.user is None else str(url.with_user("xxxxx", "xxxxx"))


def _set_switches(given: Mapping[str, object], flags: FlagSet) -> None:
    for name, value in given.items():
        flag = flags.lookup(name)
        if flag is not None and flag.is_switch:
            try:
                flag.value.set(format_value(value))
            except ParseError:
                continue  # the daemon passes over it; the typed decoding names the misfit, if there is one
