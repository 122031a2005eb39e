"""What a server's certificate must be good for: DNS names and IP addresses. Pure."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from cryptography import x509

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Names:
    """The subject alternative names of a server."""

    dns: frozenset[str]
    addresses: frozenset[Address]

    @classmethod
    def of(cls, hosts: Iterable[str]) -> Self:
        """Return the names for ``hosts``: what is no address is a DNS name."""
        dns: set[str] = set()
        addresses: set[Address] = set()
        for host in hosts:
            try:
                addresses.add(ipaddress.ip_address(host))
            except ValueError:
                dns.add(host.lower())
        return cls(frozenset(dns), frozenset(addresses))

    @classmethod
    def on(cls, certificate: x509.Certificate) -> Self:
        """Return the names that ``certificate`` carries. The common name is none: no client looks at it."""
        try:
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return cls(frozenset(), frozenset())
        addresses = (address for address in names.get_values_for_type(x509.IPAddress))
        return cls(
            frozenset(name.lower() for name in names.get_values_for_type(x509.DNSName)),
            frozenset(a for a in addresses if isinstance(a, (ipaddress.IPv4Address, ipaddress.IPv6Address))),
        )

    def missing_from(self, offered: Self) -> list[str]:
        """Return the names that a certificate for ``offered`` is not good for."""
        names = [name for name in self.dns if name not in offered.dns and _wildcard(name) not in offered.dns]
        return sorted(names) + sorted(map(str, self.addresses - offered.addresses))

    def __str__(self) -> str:
        return ", ".join(sorted(self.dns) + sorted(map(str, self.addresses)))


def _wildcard(name: str) -> str:
    """The one wildcard that covers ``name``: it stands for exactly one label (RFC 9525, section 6.3)."""
    return "*." + name.partition(".")[2]
