"""The operator's directory that holds the lab's authority and the certificates issued by it.

::

    <directory>/                mode 700
        ca.crt                  the authority's certificate: what hosts trust ca.key                  its key,
        mode 600, encrypted if there is a passphrase; never leaves this directory servers/<registry>/
            server.crt
            server.key          mode 600; goes to that registry's host
            htpasswd            mode 600; the users' hashes, so that they stay the same

Nothing here knows hosts: what leaves is what `Keeper.server` returns.
"""

import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy.certificates.authority import Authority, AuthorityUnusable, Issued
from deploy.certificates.names import Names
from deploy.certificates.renewal import reason_to_renew

PASSPHRASE_VARIABLE = "REGISTRY_LAB_CA_PASSPHRASE"  # noqa: S105 - the name of it
"""Environment variable with the passphrase of the authority's key."""


@dataclass(frozen=True)
class ServerFiles:
    """What a registry's host gets, as PEM."""

    certificate: bytes
    key: bytes
    authority: bytes | None
    """What engines are to trust; None if they trust it already."""

    renewed: str | None
    """Why the certificate is new; None if it is not."""


class Keeper:
    """Keeps the authority in ``directory``, which is made if there is none."""

    def __init__(self, directory: Path, passphrase: str | None = None) -> None:
        self.directory = directory
        self._passphrase = passphrase.encode() if passphrase else None

    def authority(self, now: datetime | None = None) -> Authority:
        """Return the authority, made now if there is none yet; raises `AuthorityUnusable`."""
        certificate, key = self.directory / "ca.crt", self.directory / "ca.key"
        if not key.exists():
            if certificate.exists():
                raise AuthorityUnusable(f"{key} is missing, and {certificate} is of no use without it")
            made = Authority.create(now or datetime.now(UTC))
            _make_directory(self.directory)
            # The certificate last: an authority with a certificate has a key.
            _write(key, made.key_pem(self._passphrase), mode=0o600)
            _write(certificate, made.certificate_pem(), mode=0o644)
            return made
        _refuse_open(key)
        if not certificate.exists():
            raise AuthorityUnusable(
                f"{certificate} is missing beside {key}; put it back, or remove the key as well"
            )
        try:
            return Authority.load(certificate.read_bytes(), key.read_bytes(), self._passphrase)
        except AuthorityUnusable as error:
            raise AuthorityUnusable(f"{key}: {error} (passphrase: {PASSPHRASE_VARIABLE})") from error

    def server(self, registry: str, names: Names, now: datetime | None = None) -> ServerFiles:
        """Return the certificate of ``registry`` for ``names``, issued anew if the one kept does not do."""
        now = now or datetime.now(UTC)
        authority = self.authority(now)
        folder = self._folder(registry)
        found = _read(folder)
        reason = reason_to_renew(found, authority.certificate, names, now)
        if reason is not None or found is None:
            found = authority.issue(names, now)
            _make_directory(folder)
            _write(folder / "server.key", found.key, mode=0o600)
            _write(folder / "server.crt", found.certificate, mode=0o644)
        return ServerFiles(found.certificate, found.key, authority.certificate_pem(), reason)

    def kept_text(self, registry: str, name: str) -> str:
        """Return a text file kept for ``registry``; nothing if there is none."""
        path = self._folder(registry) / name
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def keep_text(self, registry: str, name: str, text: str) -> None:
        """Keep a text file for ``registry``, for the operator alone."""
        folder = self._folder(registry)
        _make_directory(self.directory)
        _make_directory(folder)
        _write(folder / name, text.encode(), mode=0o600)

    def _folder(self, registry: str) -> Path:
        return self.directory / "servers" / registry


def _read(folder: Path) -> Issued | None:
    try:
        return Issued((folder / "server.crt").read_bytes(), (folder / "server.key").read_bytes())
    except FileNotFoundError:
        return None


def _make_directory(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.chmod(0o700)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write beside, flush, rename; the content is never readable by more than ``mode`` says."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _refuse_open(key: Path) -> None:
    mode = stat.S_IMODE(key.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        raise AuthorityUnusable(f"{key} can be read by others (mode {mode:o}); run: chmod 600 '{key}'")
