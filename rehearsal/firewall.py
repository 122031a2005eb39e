"""The rules of the Windows firewall, kept in the registry in the form that Windows keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from rehearsal.interfaces import HiveApi, WindowsError

KEY = r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules"
PROTOCOLS = {"TCP": "6", "UDP": "17", "ANY": ""}


@dataclass(frozen=True)
class Rule:
    """One rule. ``ports`` is empty for any port."""

    name: str
    title: str
    enabled: bool = True
    inbound: bool = True
    allow: bool = True
    protocol: str = "Any"
    ports: tuple[str, ...] = ()

    def pack(self) -> str:
        """Return the registry's form ([MS-GPFAS] 2.2.2)."""
        fields = [
            "v2.31",
            f"Action={'Allow' if self.allow else 'Block'}",
            f"Active={'TRUE' if self.enabled else 'FALSE'}",
            f"Dir={'In' if self.inbound else 'Out'}",
        ]
        if number := PROTOCOLS[self.protocol.upper()]:
            fields.append(f"Protocol={number}")
        fields += [f"LPort={port}" for port in self.ports]
        return "|".join([*fields, f"Name={self.title}", ""])

    @classmethod
    def parse(cls, name: str, text: str) -> Self:
        """Read the registry's form."""
        pairs = [part.partition("=")[::2] for part in text.split("|")[1:] if part]
        fields = dict(pairs)
        numbers = {number: protocol for protocol, number in PROTOCOLS.items()}
        return cls(
            name,
            fields.get("Name", name),
            enabled=fields.get("Active") == "TRUE",
            inbound=fields.get("Dir") == "In",
            allow=fields.get("Action") == "Allow",
            protocol=numbers[fields["Protocol"]] if "Protocol" in fields else "Any",
            ports=tuple(value for key, value in pairs if key == "LPort"),
        )


class Firewall:
    """The rules of one host."""

    def __init__(self, hive: HiveApi) -> None:
        self._hive = hive

    def rules(self) -> list[Rule]:
        """Return all rules."""
        values = self._hive.get(KEY) or {}
        return [Rule.parse(name, str(text)) for name, text in values.items()]

    def add(self, rule: Rule) -> None:
        """Add a rule; 183 if there is one of this name."""
        if any(found.name.casefold() == rule.name.casefold() for found in self.rules()):
            raise WindowsError(183, "Cannot create a file when that file already exists.", rule.name)
        self._hive.set(KEY, {rule.name: rule.pack()})

    def replace(self, rule: Rule) -> None:
        """Change a rule that is there."""
        self._hive.set(KEY, {rule.name: rule.pack()})

    def remove(self, name: str) -> None:
        """Take a rule away."""
        self._hive.unset(KEY, name)
