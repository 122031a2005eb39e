"""What a host needs to trust, to find and to log in at its registries. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import serialization

from deploy.certificates.authority import first_certificate
from deploy.places import OURS, parent
from deploy.plan.private import ADMINISTRATORS, SYSTEM, is_same, plan_protection, put_in_place
from deploy.settings.access import TrustSettings
from deploy.settings.registry import RegistrySettings
from deploy.state import DirectoryState
from deploy.steps import MakeDirectory, Refuse, Step
from deploy.trust import certs_directory, credentials, hosts_file
from deploy.trust.credentials import ConfigUnreadable, Login
from deploy.trust.hosts_file import HostsConflict
from deploy.trust.steps import ImportRoot, PutBytes

ROOT_FILE = rf"{OURS}\ca.crt"
"""The authority, where it is imported from."""


_EMPTY = b"{}\n"


@dataclass(frozen=True)
class Profile:
    """The Docker client's configuration of one account."""

    account: str
    path: str
    logins: tuple[Login, ...]

    @property
    def directory(self) -> str:
        """The account's profile."""
        return parent(parent(self.path))


@dataclass(frozen=True)
class TrustWanted:
    """What a host shall trust, find and be logged in at."""

    authorities: Mapping[str, bytes]
    """The authority's certificate by registry (``host:port``)."""

    names: Mapping[str, str] = field(default_factory=dict)
    """Addresses by name, for the hosts file."""

    root: bytes | None = None
    """An authority that the whole machine trusts."""

    profiles: tuple[Profile, ...] = ()

    def files(self, *, containerd: bool) -> dict[str, bytes]:
        """Return the files with authorities, by path."""
        paths = {
            path: content
            for registry, content in self.authorities.items()
            for path in certs_directory.authority_files(registry, containerd=containerd)
        }
        return paths if self.root is None else {**paths, ROOT_FILE: self.root}


@dataclass(frozen=True)
class TrustFound:
    """What is there of it."""

    hashes: Mapping[str, str | None]
    """SHA-256 of the files with authorities, by path; None where there is no file."""

    hosts: bytes
    """The hosts file."""

    thumbprints: frozenset[str] = frozenset()
    """Of the machine's root store, in capitals."""

    profiles: Mapping[str, tuple[bytes, DirectoryState]] = field(default_factory=dict)
    """Each account's configuration, and who may read it, by path."""

    absent: frozenset[str] = frozenset()
    """Profiles that do not exist."""


def profile_of(account: str) -> str:
    r"""Return where Windows keeps an account's profile: ``LAB\student`` has ``C:\Users\student``."""
    return rf"C:\Users\{account.rpartition(chr(92))[2]}"


def trusted_names(trust: TrustSettings, registry: RegistrySettings) -> dict[str, str]:
    """Return the names for the hosts file: the host's own registry by its container, others by their host."""
    if not trust.hosts_file:
        return {}
    own = {registry.dns_name: registry.ip} if registry.dns_name else {}
    others = {remote.name.rpartition(":")[0]: remote.address for remote in trust.registries if remote.address}
    return {**own, **others}


def plan_trust(wanted: TrustWanted, found: TrustFound, *, containerd: bool) -> list[Step]:
    """Return the steps that lead from ``found`` to ``wanted``."""
    if refusals := list(_without_profile(wanted, found)):
        return [*refusals]
    try:
        return [
            *_files(wanted.files(containerd=containerd), found.hashes),
            *_hosts(wanted.names, found.hosts),
            *_root(wanted.root, found.thumbprints),
            *(step for profile in wanted.profiles for step in _profile(profile, found)),
        ]
    except HostsConflict as conflict:
        return [Refuse(str(conflict), "or set trust.hosts_file to False")]
    except ConfigUnreadable as unreadable:
        return [Refuse(str(unreadable), "then run again")]


def _files(wanted: Mapping[str, bytes], hashes: Mapping[str, str | None]) -> Iterator[Step]:
    for path, content in wanted.items():
        if not is_same(content, hashes.get(path)):
            yield MakeDirectory(parent(path))
            yield PutBytes(path, content)


def _hosts(names: Mapping[str, str], found: bytes) -> Iterator[Step]:
    content = hosts_file.edit(found, names)
    if content != found:
        yield PutBytes(hosts_file.PATH, content)


def _root(authority: bytes | None, thumbprints: frozenset[str]) -> Iterator[Step]:
    if authority is not None and thumbprint(authority) not in thumbprints:
        yield ImportRoot(ROOT_FILE)


def _profile(profile: Profile, found: TrustFound) -> Iterator[Step]:
    content, permissions = found.profiles[profile.path]
    changed = credentials.edit(content, list(profile.logins))
    if not permissions.exists:
        yield MakeDirectory(parent(profile.path))
        yield PutBytes(profile.path, _EMPTY)
    # Closed before a password comes into it: what takes a file's place keeps its access rules.
    grants = {SYSTEM: "F", ADMINISTRATORS: "F", profile.account: "M"}
    yield from plan_protection(permissions, grants, is_directory=False)
    if changed != content:
        yield from put_in_place(profile.path, changed)


def _without_profile(wanted: TrustWanted, found: TrustFound) -> Iterator[Refuse]:
    for profile in wanted.profiles:
        if profile.directory in found.absent:
            # Made by us, it would be in the way: Windows would give the account another one.
            yield Refuse(
                f"trust.logins: the account {profile.account} has no profile {profile.directory} here",
                "log on with it once, or say where its profile is (trust.logins.profile)",
            )


def thumbprint(certificate: bytes) -> str:
    """Return what Windows calls a certificate by: the SHA-1 of its DER, in capitals.

    Raises `AuthorityUnusable` for what is no certificate.
    """
    der = first_certificate(certificate).public_bytes(serialization.Encoding.DER)
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()
