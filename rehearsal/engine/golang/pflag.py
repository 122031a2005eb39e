"""Command-line flags as spf13/pflag parses them, with its error messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rehearsal.engine.golang import netip
from rehearsal.engine.golang.quoting import format_value, quote, quote_rune
from rehearsal.engine.golang.strconv import parse_bool, parse_int

_FIRST_BYTE = "\xc3"
"""What pflag shows of any letter beyond ASCII: the first byte of its first byte's own UTF-8, as a rune."""


class FlagError(ValueError):
    """The command line is wrong; the message is pflag's."""


class FlagValue(Protocol):
    """What a flag sets. ``set`` raises ValueError with Go's message."""

    @property
    def value(self) -> object:
        """The value as Python has it."""
        ...

    def set(self, text: str) -> None:
        """Take a value."""
        ...

    def __str__(self) -> str:
        """The value as Go prints it."""
        ...


@dataclass
class SwitchValue:
    """A bool flag: ``--debug``, ``--debug=false``."""

    value: bool = False

    def set(self, text: str) -> None:
        """See `FlagValue`."""
        self.value = parse_bool(text)

    def __str__(self) -> str:
        return format_value(self.value)


@dataclass
class TextValue:
    """A string flag; the last one wins."""

    value: str = ""

    def set(self, text: str) -> None:
        """See `FlagValue`."""
        self.value = text

    def __str__(self) -> str:
        return self.value


@dataclass
class WholeValue:
    """An int flag."""

    value: int = 0

    def set(self, text: str) -> None:
        """See `FlagValue`."""
        self.value = parse_int(text)

    def __str__(self) -> str:
        return str(self.value)


@dataclass
class ListValue:
    """A flag that may come several times; ``validate`` checks and normalises each value."""

    validate: Callable[[str], str] | None = None
    value: list[str] = field(default_factory=list)

    def set(self, text: str) -> None:
        """See `FlagValue`."""
        self.value.append(self.validate(text) if self.validate else text)

    def __str__(self) -> str:
        return format_value(self.value) if self.value else ""


@dataclass
class AddressListValue:
    """A flag for addresses that may come several times."""

    value: list[netip.Address] = field(default_factory=list)

    def set(self, text: str) -> None:
        """See `FlagValue`."""
        self.value.append(netip.parse_address(text))

    def __str__(self) -> str:
        return format_value(self.value) if self.value else ""


@dataclass
class MapValue:
    """``name=text``, several times."""

    value: dict[str, str] = field(default_factory=dict)

    def set(self, text: str) -> None:
        """See `FlagValue`."""
        name, _, value = text.partition("=")
        self.value[name] = value

    def __str__(self) -> str:
        return format_value(self.value)


@dataclass
class MapOfMapsValue:
    """``root=name=text``, several times."""

    value: dict[str, dict[str, str]] = field(default_factory=dict)

    def set(self, text: str) -> None:
        """See `FlagValue`."""
        parts = text.split("=", 2)
        if len(parts) < 3:
            raise ValueError(f"invalid value {quote(text)} for map option, should be root-key=key=value")
        self.value.setdefault(parts[0], {})[parts[1]] = parts[2]

    def __str__(self) -> str:
        return format_value(self.value)


@dataclass
class SwitchMapValue:
    """``name`` or ``name=bool``, several times."""

    value: dict[str, bool] = field(default_factory=dict)

    def set(self, text: str) -> None:
        """See `FlagValue`."""
        name, equals, switch = text.partition("=")
        if not name:
            raise ValueError(f"invalid option name: {text}")
        self.value[name] = parse_bool(switch) if equals else True

    def __str__(self) -> str:
        return format_value(self.value)


@dataclass
class Flag:
    """One flag. ``config_name`` is set where the key in a file has another name than the flag."""

    name: str
    value: FlagValue
    shorthand: str = ""
    config_name: str = ""
    deprecated: str = ""
    shorthand_deprecated: str = ""
    changed: bool = False

    @property
    def is_switch(self) -> bool:
        """Whether the flag takes its value only behind ``=``."""
        return isinstance(self.value, SwitchValue)


class FlagSet:
    """Flags by name, and what parsing a command line made of them."""

    def __init__(self, flags: Iterable[Flag]) -> None:
        self.flags = {flag.name: flag for flag in flags}
        self._shorthands = {flag.shorthand: flag for flag in self.flags.values() if flag.shorthand}
        self.arguments: list[str] = []
        self.warnings: list[str] = []

    def __iter__(self) -> Iterator[Flag]:
        """Flags in the order of their names, as pflag visits them."""
        return iter(self.flags[name] for name in sorted(self.flags))

    def lookup(self, name: str) -> Flag | None:
        """Return the flag of that long name."""
        return self.flags.get(name)

    def changed(self, name: str) -> bool:
        """Whether the command line set a flag."""
        return self.flags[name].changed

    def parse(self, arguments: Sequence[str], *, interspersed: bool = True) -> None:
        """Take a command line; words that are no flags go to ``arguments``. Raises `FlagError`.

        Without ``interspersed`` the first such word ends the flags, as for ``docker run IMAGE …``.
        """
        rest = list(arguments)
        while rest:
            word = rest.pop(0)
            if len(word) < 2 or word[0] != "-":
                self.arguments.append(word)
                if not interspersed:
                    self.arguments.extend(rest)
                    return
            elif word == "--":
                self.arguments.extend(rest)
                return
            elif word.startswith("--"):
                self._long(word, rest)
            else:
                self._short(word[1:], rest)

    def _long(self, word: str, rest: list[str]) -> None:
        name, equals, value = word[2:].partition("=")
        if not name or name[0] == "-":
            raise FlagError(f"bad flag syntax: {word}")
        flag = self.flags.get(name)
        if flag is None:
            raise FlagError(f"unknown flag: --{name}")
        if equals:
            self._set(flag, value)
        elif flag.is_switch:
            self._set(flag, "true")
        elif rest:
            self._set(flag, rest.pop(0))
        else:
            raise FlagError(f"flag needs an argument: --{name}")

    def _short(self, letters: str, rest: list[str]) -> None:
        while letters:
            letter, following = letters[0], letters[1:]
            flag = self._shorthands.get(letter)
            if flag is None:
                shown = quote_rune(letter if letter.isascii() else _FIRST_BYTE)
                raise FlagError(f"unknown shorthand flag: {shown} in -{letters}")
            if flag.shorthand_deprecated:
                self.warnings.append(
                    f"Flag shorthand -{letter} has been deprecated, {flag.shorthand_deprecated}"
                )
            if len(following) > 1 and following[0] == "=":
                self._set(flag, following[1:])
                return
            if flag.is_switch:
                self._set(flag, "true")
                letters = following
                continue
            if following:
                self._set(flag, following)
            elif rest:
                self._set(flag, rest.pop(0))
            else:
                raise FlagError(f"flag needs an argument: {quote_rune(letter)} in -{letters}")
            return

    def _set(self, flag: Flag, text: str) -> None:
        try:
            flag.value.set(text)
        except ValueError as error:
            short = f"-{flag.shorthand}, " if flag.shorthand and not flag.shorthand_deprecated else ""
            shown = f"{short}--{flag.name}"
            raise FlagError(f"invalid argument {quote(text)} for {quote(shown)} flag: {error}") from error
        flag.changed = True
        if flag.deprecated:
            self.warnings.append(f"Flag --{flag.name} has been deprecated, {flag.deprecated}")
