"""Which registries dockerd trusts and mirrors (moby ``daemon/pkg/registry/config.go``)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rehearsal.engine.golang import netip, urls
from rehearsal.engine.golang.quoting import quote
from rehearsal.engine.golang.strconv import atoi
from rehearsal.engine.golang.strings import to_lower

ALWAYS_INSECURE = ("::1/128", "127.0.0.0/8")
_COMPONENT = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_COMPONENT}(?:\.{_COMPONENT})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")


class RegistryError(ValueError):
    """An entry cannot be used; the message is the daemon's."""


@dataclass(frozen=True)
class Trust:
    """What ``docker info`` shows as RegistryConfig, apart from Docker Hub's own entry."""

    mirrors: tuple[str, ...]
    insecure_networks: tuple[netip.Network, ...]
    insecure_names: tuple[str, ...]
    warnings: tuple[str, ...]

    def is_secure(self, name: str, resolve: Callable[[str], Sequence[str]]) -> bool:
        """Whether the registry ``host[:port]`` must prove who it is.

        A name is looked up to find whether one of its addresses lies in an insecure network.
        """
        if name == "docker.io":
            return True
        if name in self.insecure_names:
            return False
        try:
            host, _ = netip.split_host_port(name)
        except netip.AddressError:
            host = name
        texts = [host] if netip.is_address(host) else list(resolve(host))
        found = [netip.parse_address(text) for text in texts]
        return not any(address in network for address in found for network in self.insecure_networks)


def validate_mirror(text: str) -> str:
    """Return a mirror's URL with one closing slash, or raise `RegistryError`."""
    scheme, separator, _ = text.partition("://")
    wanted = "must use either 'https://' or 'http://'"
    if not separator or not scheme:
        raise RegistryError(f"invalid mirror: no scheme specified for {quote(text)}: {wanted}")
    try:
        url = urls.parse(text)
    except urls.UrlError as error:
        raise RegistryError(f"invalid mirror: {quote(text)} is not a valid URI: {error}") from error
    if url.scheme not in ("http", "https"):
        raise RegistryError(
            f"invalid mirror: unsupported scheme {quote(url.scheme)} in {quote(str(url))}: {wanted}"
        )
    if url.raw_query or url.fragment:
        raise RegistryError(f"invalid mirror: query or fragment at end of the URI {quote(str(url))}")
    if url.user is not None:
        masked = url.with_user(url.user, "xxxxx")
        raise RegistryError(f"invalid mirror: username/password not allowed in URI {quote(str(masked))}")
    return text.removesuffix("/") + "/"


def validate_index_name(text: str) -> str:
    """Return a registry's name as it is kept, or raise `RegistryError`."""
    name = "docker.io" if text == "index.docker.io" else text
    if name.startswith("-") or name.endswith("-"):
        raise RegistryError(f"invalid index name ({name}). Cannot begin or end with a hyphen")
    return name


def load(mirrors: Sequence[str], insecure: Sequence[str]) -> Trust:
    """Return what the daemon makes of the two lists, or raise `RegistryError` at the first bad entry."""
    unique_mirrors = dict.fromkeys(validate_mirror(mirror) for mirror in mirrors)
    networks: dict[netip.Network, None] = {}
    names: dict[str, None] = {}
    warnings: list[str] = []
    for entry in (*insecure, *ALWAYS_INSECURE):
        validate_index_name(entry)
        host = _without_scheme(entry, warnings)
        try:
            networks[netip.parse_prefix(host)] = None
        except netip.AddressError:
            _check_host_port(host)
            names[host] = None
    return Trust(tuple(unique_mirrors), tuple(networks), tuple(names), tuple(warnings))


def _without_scheme(entry: str, warnings: list[str]) -> str:
    scheme, separator, host = entry.partition("://")
    if not separator:
        return entry
    if to_lower(scheme) not in ("http", "https"):
        raise RegistryError(f"insecure registry {entry} should not contain '://'")
    warnings.append(
        f"insecure registry {entry} should not contain '{scheme}' and '{scheme}s' has been removed "
        "from the insecure registry config"
    )
    return host


def _check_host_port(text: str) -> None:
    try:
        host, port = netip.split_host_port(text)
    except netip.AddressError:
        host, port = text, ""
    if _DOMAIN.fullmatch(text) is None and not netip.is_address(host):
        raise RegistryError(f"insecure registry {text} is not valid: invalid host {quote(host)}")
    if not port:
        return
    try:
        number = atoi(port)
    except ValueError as error:
        raise RegistryError(f"insecure registry {text} is not valid: {error}") from error
    if not 0 <= number <= 65535:
        raise RegistryError(f"insecure registry {text} is not valid: invalid port {quote(port)}")
