"""A simulated host as dockerd sees it: the adapter from `HostApi` to `Machine`."""

from __future__ import annotations

import ntpath
from collections.abc import Mapping
from string import ascii_uppercase

from rehearsal.engine.daemon.machine import BAD_NAME, NO_PATH, NOT_FOUND, FileFault, bad_name, known_account
from rehearsal.engine.golang import netip
from rehearsal.interfaces import HostApi, WindowsError

_TEXTS = {2: NOT_FOUND, 3: NO_PATH, 123: BAD_NAME}
_HOSTS_FILE = "C:\\Windows\\System32\\drivers\\etc\\hosts"
_MISSING = (2, 3)


class HostMachine:
    """Implements `rehearsal.engine.daemon.machine.Machine` for a host."""

    def __init__(self, host: HostApi, directory: str = "C:\\Windows\\System32") -> None:
        self._host = host
        self.directory = directory

    @property
    def environment(self) -> Mapping[str, str]:
        """See `Machine`."""
        return self._host.environment

    @property
    def has_containers_feature(self) -> bool:
        """See `Machine`: the feature brings vmcompute.dll and its service together."""
        return self.has_service("vmcompute")

    @property
    def drives(self) -> frozenset[str]:
        """See `Machine`."""
        letters = (f"{letter}:" for letter in ascii_uppercase)
        return frozenset(drive for drive in letters if self._host.files.exists(f"{drive}\\"))

    @property
    def build(self) -> int:
        """See `Machine`."""
        return self._host.build

    def read(self, path: str) -> bytes:
        """See `Machine`."""
        full = ntpath.normpath(ntpath.join(self.directory, path))
        if not path:
            raise FileFault(NOT_FOUND, missing=True)
        if bad_name(full):
            raise FileFault(BAD_NAME, missing=False)
        try:
            return self._host.files.read(full)
        except WindowsError as error:
            text = _TEXTS.get(error.code, error.message)
            raise FileFault(text, missing=error.code in _MISSING) from error

    def has_service(self, name: str) -> bool:
        """See `Machine`."""
        return name.casefold() in {known.casefold() for known in self._host.services.names()}

    def has_account(self, name: str) -> bool:
        """See `Machine`."""
        return known_account(name, frozenset(group.casefold() for group in self._host.groups))

    def addresses(self, name: str) -> list[str]:
        """See `Machine`: the hosts file, the host's own name, localhost."""
        if name.casefold() in ("localhost", self._host.name.casefold()):
            return ["127.0.0.1"]
        try:
            text = self._host.files.read(_HOSTS_FILE).decode("utf-8", "replace")
        except WindowsError:
            return []
        entries = (line.partition("#")[0].split() for line in text.splitlines())
        names = [(words[0], words[1:]) for words in entries if len(words) > 1]
        wanted = name.casefold()
        return [address for address, known in names if wanted in (item.casefold() for item in known)]

    def has_address(self, address: str) -> bool:
        """See `Machine`."""
        parsed = netip.parse_address(address)
        return parsed.is_loopback or parsed.is_unspecified or address == self._host.address
