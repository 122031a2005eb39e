"""The configuration that dockerd runs with: defaults, file and flags merged (``loadDaemonCliConfig``)."""

from __future__ import annotations

import ntpath
from collections.abc import Mapping
from dataclasses import dataclass

from rehearsal.engine.daemon import file, hosts, validation
from rehearsal.engine.daemon.machine import FileFault, Machine
from rehearsal.engine.daemon.validation import InvalidConfiguration, text, texts
from rehearsal.engine.golang.pflag import FlagSet
from rehearsal.engine.golang.strconv import ParseError, atoi
from rehearsal.engine.golang.strings import trim_space

SUPPORTED_API = ("1.24", "1.56")
_LARGEST = (1 << 63) - 1
_PROGRAM_DATA = "C:\\ProgramData"


@dataclass(frozen=True)
class Configuration:
    """The merged values by the keys of daemon.json, and which keys the file gave."""

    values: Mapping[str, object]
    given: Mapping[str, object]
    path: str

    def texts(self, key: str) -> list[str]:
        """Return a key's list."""
        return texts(self.values, key)

    def text(self, key: str) -> str:
        """Return a key's text."""
        return text(self.values, key)

    def number(self, key: str) -> int:
        """Return a key's whole number."""
        return validation.number(self.values, key)

    def switch(self, key: str) -> bool:
        """Whether a key is on."""
        return bool(self.values.get(key))

    def mapping(self, key: str) -> Mapping[str, object]:
        """Return a key's object."""
        value = self.values.get(key)
        return value if isinstance(value, Mapping) else {}


def defaults(environment: Mapping[str, str]) -> dict[str, object]:
    """Return what holds when neither file nor flags say anything."""
    root = ntpath.join(environment.get("PROGRAMDATA", _PROGRAM_DATA), "docker")
    return {
        "data-root": root,
        "exec-root": ntpath.join(root, "exec-root"),
        "pidfile": ntpath.join(root, "docker.pid"),
        "shutdown-timeout": 15,
        "default-stop-timeout": 30,
        "log-driver": "json-file",
        "log-level": "info",
        "log-format": "text",
        "max-concurrent-downloads": 3,
        "max-concurrent-uploads": 5,
        "max-download-attempts": 5,
        "mtu": validation.DEFAULT_MTU,
        "network-control-plane-mtu": validation.DEFAULT_MTU,
        "containerd-namespace": "moby",
        "containerd-plugin-namespace": "plugins.moby",
        "min-api-version": "1.40",
        **_certificate_places(environment),
    }


def _certificate_places(environment: Mapping[str, str]) -> dict[str, object]:
    home = environment.get("USERPROFILE", "C:\\Windows\\system32\\config\\systemprofile")
    named = environment.get("DOCKER_CERT_PATH") or environment.get("DOCKER_CONFIG")
    folder = named or ntpath.join(home, ".docker")
    names = {"tlscacert": "ca.pem", "tlscert": "cert.pem", "tlskey": "key.pem"}
    return {key: ntpath.join(folder, name) for key, name in names.items()}


def load(flags: FlagSet, machine: Machine, warnings: list[str]) -> Configuration:
    """Return the configuration that parsed ``flags`` and their file lead to.

    Raises ValueError with the daemon's message. ``warnings`` collects what the daemon logs meanwhile.
    """
    from_flags = _FlagValues(flags, machine)
    asked = machine.environment.get("DOCKER_MIN_API_VERSION", "")
    if asked:
        _check_api_version(asked)
        from_flags.min_api_version = asked
    path = str(flags.flags["config-file"].value.value) or ntpath.normpath(
        ntpath.join(text(from_flags.values, "data-root"), "config", "daemon.json")
    )
    merged, given = _merge_file(from_flags, flags, machine, path, warnings)
    return Configuration(_completed(merged, given, warnings), given, path)


class _FlagValues:
    """What the flags alone configure, by the keys of daemon.json."""

    def __init__(self, flags: FlagSet, machine: Machine) -> None:
        self._flags = flags
        # debug and hosts are copied before the file is read: a switch in the file does not reach them so
        self._early = {"debug": flags.flags["debug"].value.value, "hosts": flags.flags["host"].value.value}
        self._tls = self._tls_values(machine)
        self.min_api_version = "1.40"

    @property
    def values(self) -> dict[str, object]:
        """The values now; switches that the file set since are among them."""
        values: dict[str, object] = {}
        for flag in self._flags:
            key = flag.config_name or flag.name
            values[key] = flag.value.value
        values["containerd-plugin-namespace"] = values.pop("containerd-plugins-namespace")
        values["proxies"] = {name: values.pop(name) for name in ("http-proxy", "https-proxy", "no-proxy")}
        return {**values, **self._early, **self._tls, "min-api-version": self.min_api_version}

    def _tls_values(self, machine: Machine) -> dict[str, object]:
        flags = self._flags
        verify_changed = flags.changed("tlsverify")
        verify = bool(flags.flags["tlsverify"].value.value)
        on = bool(flags.flags["tls"].value.value) or verify_changed or verify
        if on:
            flags.flags["tls"].value.set("true")  # setDefaultOptions writes where the flag keeps its value
        if on and not verify_changed:
            verify = True
        values: dict[str, object] = {"tls": None, "tlsverify": None}
        if flags.changed("tls"):
            values["tls"] = on
        if verify_changed:
            values.update(tls=True, tlsverify=verify)
        for key in ("tlscacert", "tlscert", "tlskey"):
            path = str(flags.flags[key].value.value)
            kept = on and (key == "tlscacert" or flags.changed(key) or _exists(machine, path))
            values[key] = path if kept else ""
        return values


def _exists(machine: Machine, path: str) -> bool:
    try:
        machine.read(path)
    except FileFault as fault:
        return not fault.missing
    return True


def _check_api_version(version: str) -> None:
    low, high = SUPPORTED_API
    problem = ""
    if version[0] in "vV":
        problem = 'API version must be provided without "v" prefix'
    elif version_key(version) < version_key(low):
        problem = f"minimum supported API version is {low}: {version}"
    elif version_key(version) > version_key(high):
        problem = f"maximum supported API version is {high}: {version}"
    if problem:
        raise InvalidConfiguration(f"invalid DOCKER_MIN_API_VERSION: {problem}")


def version_key(version: str) -> list[int]:
    """Return what API versions are compared by; a part that is no number counts as 0 (moby ``versions``)."""
    parts = [_number(part) for part in version.split(".")]
    while parts and parts[-1] == 0:
        parts.pop()
    return parts


def _number(text: str) -> int:
    try:
        return atoi(text)
    except ParseError as error:
        # the error is passed over, and with it comes the nearest number
        return _LARGEST if "out of range" in str(error) else 0


def _merge_file(
    from_flags: _FlagValues, flags: FlagSet, machine: Machine, path: str, warnings: list[str]
) -> tuple[dict[str, object], Mapping[str, object]]:
    prefix = f"unable to configure the Docker daemon with file {path}: "
    try:
        content = machine.read(path)
    except FileFault as fault:
        if flags.changed("config-file") or not fault.missing:
            raise InvalidConfiguration(f"{prefix}{fault.operation} {path}: {fault.text}") from fault
        return from_flags.values, {}
    try:
        found = file.read(content, flags)
        merged = merge(found.values, from_flags.values)
        if "default-stop-timeout" in found.given:
            merged["default-stop-timeout"] = found.values["default-stop-timeout"]
    except file.FileError as error:
        raise InvalidConfiguration(f"{prefix}{error}") from error
    try:
        validation.validate(merged, warnings)
    except ValueError as error:
        raise InvalidConfiguration(
            f"{prefix}merged configuration validation from file and command line flags failed: {error}"
        ) from error
    return merged, found.given


def merge(over: Mapping[str, object], under: Mapping[str, object]) -> dict[str, object]:
    """Return ``over`` with what is unset or empty in it taken from ``under``, in objects member by member."""
    result = dict(over)
    for key, value in under.items():
        present = result.get(key)
        if isinstance(present, Mapping) and isinstance(value, Mapping):
            result[key] = merge(present, value)
        elif present is None or (not present and value):
            result[key] = value
    return result


def _completed(
    values: dict[str, object], given: Mapping[str, object], warnings: list[str]
) -> dict[str, object]:
    legacy = values.get("host-gateway-ip")
    if legacy is not None:
        values["host-gateway-ips"] = [legacy]
    wanted = [host for host in texts(values, "hosts") if trim_space(host)]
    if not wanted:
        wanted = [hosts.DEFAULT_TLS_HOST if values.get("tls") else hosts.DEFAULT_HOST]
    values["hosts"] = hosts.normalise_all(wanted)
    validation.validate(values, warnings)
    values["labels"] = validation.conflict_free_labels(texts(values, "labels"))
    if "tlsverify" in given:
        values["tls"] = True
    if values.get("tlsverify") is None and values.get("tls") is not None:
        values["tlsverify"] = values["tls"]
    if not values.get("pidfile"):
        values["pidfile"] = ntpath.join(text(values, "data-root"), "docker.pid")
    return values
