"""What is wrong with settings: one line each, and every one of them at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: which setting, by its dotted name, and what to write instead."""

    setting: str
    message: str

    def __str__(self) -> str:
        return f"{self.setting}: {self.message}" if self.setting else self.message

    def under(self, prefix: str) -> Problem:
        """Return the same problem, with ``prefix`` in front of the setting's name."""
        return Problem(".".join(part for part in (prefix, self.setting) if part), self.message)


class Problems(ValueError):
    """Several problems found by rules that look at more than one setting."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))
