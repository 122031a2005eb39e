"""icacls.exe: show and change who may do what, by explicit entries, and whose a path is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rehearsal.acl import (
    ACCOUNTS,
    ALL,
    APPEND,
    CREATE,
    FULL,
    MODIFY,
    READ,
    READ_EXECUTE,
    WRITE,
    Entry,
    OwnRules,
    sid_of,
)
from rehearsal.host import Host
from rehearsal.interfaces import NativeResult, WindowsError

SIMPLE = {"F": FULL, "M": MODIFY, "RX": READ_EXECUTE, "R": READ, "W": WRITE, "D": 0x110000}
INHERITANCE = ("OI", "CI", "IO", "NP")
_PERMISSION = re.compile(r"((?:\((?:OI|CI|IO|NP|I)\))*)(?:\(?([A-Z,]+)\)?)", re.IGNORECASE)
_SWITCHES = {"/t", "/c", "/l", "/q"}


class InvalidParameterError(Exception):
    """What icacls answers with ``Invalid parameter``."""


class NoSuchAccountError(Exception):
    """A name that no account has (error 1332)."""


def icacls(host: Host, argv: list[str], _: bytes) -> NativeResult:
    """Run one command on one path."""
    words = argv[1:]
    if not words:
        return NativeResult(87, b"Invalid parameter\r\n")
    path = words[0]
    try:
        host.files.entry(path)
        spelt = host.files.spelt(path)
        if len(words) == 1:
            return NativeResult(0, _shown(host, path, spelt).encode("cp437", "replace"))
        host.files.access.set(spelt, _owned(host, spelt, words[1:]) or _changed(host, spelt, words[1:]))
    except InvalidParameterError as error:
        return NativeResult(87, f'Invalid parameter "{error}"\r\n'.encode("cp437", "replace"))
    except NoSuchAccountError as error:
        text = f"{error}: No mapping between account names and security IDs was done.\r\n{_count(0, 1)}"
        return NativeResult(1332, text.encode("cp437", "replace"))
    except WindowsError as error:
        text = f"{path}: {error.message}\r\n"
        return NativeResult(error.code, _count(0, 1).encode(), text.encode("cp437", "replace"))
    host.changed(f"permissions of {spelt} changed")
    return NativeResult(0, f"processed file: {path}\r\n{_count(1, 0)}".encode("cp437", "replace"))


def _owned(host: Host, path: str, words: Sequence[str]) -> OwnRules | None:
    """Change the owner, which is a form of its own: no other change goes with it (``icacls /?``)."""
    verb, *values = words
    if verb.casefold() != "/setowner":
        return None
    accounts = [word for word in values if word.casefold() not in _SWITCHES]
    if len(accounts) != 1:
        raise InvalidParameterError(verb)
    return replace(host.files.access.own(path), owner=_account(accounts[0]))


def _changed(host: Host, path: str, words: Sequence[str]) -> OwnRules:
    rules = host.files.access.own(path)
    pending = list(words)
    while pending:
        verb = pending.pop(0).casefold()
        if verb.startswith("/inheritance:"):
            rules = _inheritance(host, path, rules, verb)
        elif verb in {"/grant", "/grant:r", "/deny"}:
            given = [_permission(word, allow=verb != "/deny") for word in _values(pending)]
            if not given:
                raise InvalidParameterError(verb)
            replaced = {entry.sid for entry in given} if verb == "/grant:r" else set()
            kept = tuple(entry for entry in rules.entries if entry.sid not in replaced)
            rules = replace(rules, entries=_merged(kept, given))
        elif verb in {"/remove", "/remove:g", "/remove:d"}:
            gone = {_account(word) for word in _values(pending)}
            rules = replace(rules, entries=tuple(entry for entry in rules.entries if entry.sid not in gone))
        elif verb == "/reset":
            rules = OwnRules(owner=rules.owner)
        elif verb not in _SWITCHES:
            raise InvalidParameterError(verb)
    return rules


def _values(pending: list[str]) -> Iterator[str]:
    while pending and not pending[0].startswith("/"):
        yield pending.pop(0)


def _inheritance(host: Host, path: str, rules: OwnRules, verb: str) -> OwnRules:
    how = verb.rpartition(":")[2]
    if how == "e":
        return replace(rules, protected=False)
    if how == "r":
        return replace(rules, protected=True)
    if how != "d":
        raise InvalidParameterError(verb)
    every = host.files.access.entries(path, is_directory=host.files.is_directory(path))
    copied = tuple(replace(entry, flags=entry.flags.removesuffix("ID")) for entry in every)
    return replace(rules, entries=copied, protected=True)


def _permission(word: str, *, allow: bool) -> Entry:
    account, _, text = word.rpartition(":")
    match = _PERMISSION.fullmatch(text)
    if match is None or not account:
        raise InvalidParameterError(word)
    mask = 0
    for right in match[2].upper().split(","):
        if right not in SIMPLE:
            raise InvalidParameterError(word)
        mask |= SIMPLE[right]
    flags = "".join(flag for flag in INHERITANCE if f"({flag})" in match[1].upper())
    return Entry(_account(account), mask, flags, allow)


def _account(name: str) -> str:
    sid = sid_of(name)
    if sid is None:
        raise NoSuchAccountError(name)
    return sid


def _merged(entries: Sequence[Entry], given: Sequence[Entry]) -> tuple[Entry, ...]:
    """Add entries; one for the same identity and inheritance grows instead."""
    merged = list(entries)
    for entry in given:
        alike = next(
            (
                old
                for old in merged
                if (old.sid, old.flags, old.allow) == (entry.sid, entry.flags, entry.allow)
            ),
            None,
        )
        if alike is None:
            merged.append(entry)
        else:
            merged[merged.index(alike)] = replace(alike, mask=alike.mask | entry.mask)
    return tuple(sorted(merged, key=lambda entry: entry.allow))


def _shown(host: Host, path: str, spelt: str) -> str:
    entries = host.files.access.entries(spelt, is_directory=host.files.is_directory(spelt))
    lines = [f"{ACCOUNTS.get(entry.sid, entry.sid)}:{_rights(entry)}" for entry in entries]
    body = f"\r\n{' ' * (len(path) + 1)}".join(lines)
    return f"{path} {body}\r\n\r\n{_count(1, 0)}"


def _rights(entry: Entry) -> str:
    names = {mask: name for name, mask in SIMPLE.items()} | {APPEND: "AD", CREATE: "WD", ALL: "F"}
    name = names.get(entry.mask, f"0x{entry.mask:x}")
    inherited = "(I)" if "ID" in entry.flags else ""
    flags = "".join(f"({flag})" for flag in INHERITANCE if flag in entry.flags)
    return f"{inherited}{flags}{'' if entry.allow else '(DENY)'}({name})"


def _count(done: int, failed: int) -> str:
    return f"Successfully processed {done} files; Failed processing {failed} files\r\n"
