"""How a docker command is declared: its name, flags, number of arguments and what carries it out."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rehearsal.engine.cli.session import CommandError, Session
from rehearsal.engine.golang.pflag import (
    Flag,
    FlagError,
    FlagSet,
    FlagValue,
    ListValue,
    SwitchValue,
    TextValue,
    WholeValue,
)

Run = Callable[[Session, "Given"], int]


class Given:
    """The flags and arguments of one call."""

    def __init__(self, flags: FlagSet) -> None:
        self._flags = flags
        self.arguments = flags.arguments

    def text(self, name: str) -> str:
        """Return a string flag."""
        return str(self._flags.flags[name].value.value)

    def switch(self, name: str) -> bool:
        """Return a bool flag."""
        return bool(self._flags.flags[name].value.value)

    def number(self, name: str) -> int:
        """Return an int flag."""
        value = self._flags.flags[name].value.value
        return value if isinstance(value, int) else 0

    def texts(self, name: str) -> list[str]:
        """Return a list flag."""
        value = self._flags.flags[name].value.value
        return [str(item) for item in value] if isinstance(value, list) else []

    def changed(self, name: str) -> bool:
        """Whether a flag was given."""
        return self._flags.changed(name)


@dataclass(frozen=True)
class FlagSpec:
    """A flag as it is declared. ``kind`` is ``text``, ``switch``, ``number`` or ``list``."""

    name: str
    kind: str = "text"
    shorthand: str = ""
    default: str = ""

    def make(self) -> Flag:
        """Return a flag that was not set yet."""
        value: FlagValue
        if self.kind == "switch":
            value = SwitchValue(self.default == "true")
        elif self.kind == "number":
            value = WholeValue(int(self.default or 0))
        elif self.kind == "list":
            value = ListValue()
        else:
            value = TextValue(self.default)
        return Flag(self.name, value, self.shorthand)


@dataclass(frozen=True)
class Command:
    """A command of docker.exe. ``most`` is -1 where any number of arguments is taken."""

    path: str
    usage: str
    run: Run
    flags: tuple[FlagSpec, ...] = ()
    least: int = 0
    most: int = -1
    interspersed: bool = True

    def call(self, session: Session, words: list[str]) -> int:
        """Parse the rest of the command line and carry the command out; raises `CommandError`."""
        flags = FlagSet([*(spec.make() for spec in self.flags), *self._help()])
        try:
            flags.parse(words, interspersed=self.interspersed)
        except FlagError as error:
            raise CommandError(
                self._help_text(str(error), close=self._close(str(error), flags)), 125
            ) from error
        if flags.changed("help"):
            session.print(f"Usage:  docker {self.path} {self.usage}".rstrip())
            return 0
        self._check_arguments(len(flags.arguments))
        return self.run(session, Given(flags))

    def _help(self) -> Iterable[Flag]:
        taken = {spec.shorthand for spec in self.flags}
        return [Flag("help", SwitchValue(), "" if "h" in taken else "h")]

    def _check_arguments(self, count: int) -> None:
        if self.most == 0 and count:
            raise CommandError(self._help_text(f"docker: 'docker {self.path}' accepts no arguments"))
        if self.least == self.most and count != self.least:
            what = f"{self.least} argument{'' if self.least == 1 else 's'}"
            raise CommandError(self._help_text(f"docker: 'docker {self.path}' requires {what}"))
        if count < self.least:
            what = f"at least {self.least} argument{'' if self.least == 1 else 's'}"
            raise CommandError(self._help_text(f"docker: 'docker {self.path}' requires {what}", word="See"))
        if 0 <= self.most < count:
            what = f"at most {self.most} argument{'' if self.most == 1 else 's'}"
            raise CommandError(self._help_text(f"docker: 'docker {self.path}' requires {what}"))

    def _help_text(self, problem: str, *, word: str = "Run", close: str = "") -> str:
        usage = f"Usage:  docker {self.path} {self.usage}".rstrip()
        return f"{problem}{close}\n\n{usage}\n\n{word} 'docker {self.path} --help' for more information"

    def _close(self, problem: str, flags: FlagSet) -> str:
        """Say which flags come close to an unknown one; docker itself does not, a rehearsal does."""
        if not problem.startswith("unknown flag: --"):
            return ""
        found = difflib.get_close_matches(problem.removeprefix("unknown flag: --"), list(flags.flags), 3)
        return (
            f"\nrehearsal: known here and close: {', '.join('--' + name for name in found)}" if found else ""
        )
