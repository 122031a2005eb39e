"""TLS for the registry's own listener: version 1.2 or newer, HTTP/1.1, a changed certificate is taken up.

A changed certificate is loaded into a context of its own, and each new connection is moved to the newest one
that could be loaded: a certificate whose key has not been written yet is never used by half, and connections
that are open keep what they have.
"""

import logging
import os
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

logger = logging.getLogger(__name__)

VERSIONS: Final[Mapping[str, ssl.TLSVersion]] = {
    "tls1.2": ssl.TLSVersion.TLSv1_2,
    "tls1.3": ssl.TLSVersion.TLSv1_3,
}
"""The values of ``REGISTRY_HTTP_TLS_MINIMUMTLS`` that are taken; older ones are refused."""

CLIENT_AUTH: Final[Mapping[str, ssl.VerifyMode]] = {
    "require-and-verify-client-cert": ssl.CERT_REQUIRED,
    "verify-client-cert-if-given": ssl.CERT_OPTIONAL,
}
"""The values of ``REGISTRY_HTTP_TLS_CLIENTAUTH`` that are taken; the first is the default, as it is there."""


class CertificateInvalid(ValueError):
    """The files do not make a TLS server; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class ServerCertificate:
    """The files of a TLS server, and what it asks of its clients."""

    certificate: str
    """PEM file: the server's certificate, then those between it and the authority."""
    key: str
    """PEM file: its private key, not encrypted."""
    client_authorities: tuple[str, ...] = ()
    """PEM files: clients need a certificate of one of these authorities. Empty: no client certificates."""
    client_auth: ssl.VerifyMode = ssl.CERT_REQUIRED
    minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that is read."""
        return (self.certificate, self.key, *self.client_authorities)

    def load(self) -> ssl.SSLContext:
        """Return a context of the files as they are now; raises `CertificateInvalid`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self.minimum
        context.set_alpn_protocols(["http/1.1"])
        context.options |= ssl.OP_NO_RENEGOTIATION
        try:
            context.load_cert_chain(self.certificate, self.key, password=_no_password)
        except (OSError, ValueError) as error:  # `ssl.SSLError` is an `OSError`
            raise CertificateInvalid(_explain(self, error)) from error
        for path in self.client_authorities:
            try:
                context.load_verify_locations(path)
            except OSError as error:
                raise CertificateInvalid(f"{path}: no certificate of an authority ({error})") from error
        if self.client_authorities:
            context.verify_mode = self.client_auth
        return context


class ReloadingContext:
    """The context to listen with (`context`), always presenting the certificate that the files have now.

    The first loading raises `CertificateInvalid`; later a broken file is logged, and the last good
    certificate stays in use.
    """

    def __init__(
        self,
        files: ServerCertificate,
        *,
        interval: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files = files
        self._interval = interval
        self._clock = clock
        self._seen = self._signature()
        self._newest = self.context = files.load()
        self._next_look = clock() + interval
        # Called in every handshake, also where the client names no server.
        self.context.sni_callback = self._present

    def look(self) -> None:
        """Take up files that have changed. Done for each new connection, at most once in an interval."""
        now = self._clock()
        if now < self._next_look:
            return
        self._next_look = now + self._interval
        signature = self._signature()
        if signature == self._seen:
            return
        try:
            self._newest = self._files.load()
        except CertificateInvalid as error:
            logger.warning("the certificate has changed and cannot be used, the one before stays: %s", error)
        else:
            logger.info("%s has changed; new connections get the new certificate", self._files.certificate)
        self._seen = signature

    def _present(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        self.look()
        connection.context = self._newest

    def _signature(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stat(path) for path in self._files.files)


def _stat(path: str) -> tuple[int, int, int] | None:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _no_password() -> str:
    # Without this, OpenSSL asks for the password on the terminal, and a service waits for ever.
    raise ValueError("the private key is encrypted")


def _explain(files: ServerCertificate, error: Exception) -> str:
    for path in (files.certificate, files.key):
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError as missing:
            return f"{path}: {missing.strerror}"
        if b"-----BEGIN" not in content:
            return f"{path}: not a PEM file"
    if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
        return f"{files.key}: not the key of the certificate {files.certificate}"
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return f"{files.key}: {error}"
    return f"{files.certificate} and {files.key}: {error}"
