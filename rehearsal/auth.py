"""Who is on a connection, and how its messages are sealed: Negotiate, NTLM and Basic. Headers in, headers
out.

Authentication belongs to the TCP connection: once a handshake is done, requests carry no Authorization
header. Over plain HTTP the messages are then sealed with the session's keys ([MS-WSMV] 2.2.9.1).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
import struct
from dataclasses import dataclass, field
from typing import Any

import spnego
from spnego._ntlm_raw.crypto import ntowfv1  # its only home; OpenSSL 3 and hashlib have no MD4
from spnego.exceptions import SpnegoError

_BOUNDARY = "Encrypted Boundary"
_SEALED = "application/HTTP-SPNEGO-session-encrypted"
_PARTS = re.compile(rb"--\s*Encrypted Boundary(?:--)?\r\n")


class UndecryptableError(ValueError):
    """A sealed message that these keys do not open; the connection's keys are then out of step for good."""


@dataclass(frozen=True)
class Account:
    """The one account of a rehearsal host."""

    user: str
    password: str = field(repr=False)

    def matches(self, user: str, password: str) -> bool:
        """Whether these are the account's credentials; its name may come with a domain, in any case."""
        name = user.rpartition("\\")[2].casefold()
        same = hmac.compare_digest(password.encode(), self.password.encode())
        return name == self.user.casefold() and same


def write_user_file(path: str, account: Account, domains: list[str]) -> None:
    """Write what spnego's NTLM acceptor reads: a line per form in which a client may send the domain.

    The acceptor knows no other way to its users than a file named by the environment, so this is per process.
    The file is in smbpasswd form: it holds a hash, and so a password may hold a colon.
    """
    hashes = f"1000:{'0' * 32}:{ntowfv1(account.password).hex().upper()}:[U]:LCT-00000000"
    users = [account.user, *(f"{domain}\\{account.user}" for domain in [".", *domains])]
    lines = [f"{user}:{hashes}\n" for user in users]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.writelines(lines)
    os.environ["NTLM_USER_FILE"] = path


class ConnectionAuth:
    """One connection's handshake and keys."""

    def __init__(self, account: Account, *, basic: bool, encrypted_transport: bool) -> None:
        self._account = account
        self._basic = basic
        self._needs_sealing = not encrypted_transport
        self._context: Any = None
        self.accepted = False
        self.sealed = False

    def challenge(self) -> list[tuple[str, str]]:
        """Return the headers that say what this host accepts."""
        offers = [("WWW-Authenticate", "Negotiate")]
        if self._basic:
            offers.append(("WWW-Authenticate", 'Basic realm="WSMAN"'))
        return offers

    def authenticate(self, authorization: str) -> list[tuple[str, str]]:
        """Take an Authorization header; return the headers to answer with, and set `accepted`."""
        scheme, _, text = authorization.partition(" ")
        try:
            token = base64.b64decode(text, validate=True)
        except binascii.Error:
            return self._refuse()
        if scheme.lower() == "basic":
            return self._check_basic(token)
        if scheme.lower() in {"negotiate", "ntlm"}:
            return self._step(scheme, token)
        return self._refuse()

    def _check_basic(self, token: bytes) -> list[tuple[str, str]]:
        user, _, password = token.decode("utf-8", "replace").partition(":")
        if not self._basic or not self._account.matches(user, password):
            return self._refuse()
        self.accepted = True
        return []

    def _step(self, scheme: str, token: bytes) -> list[tuple[str, str]]:
        if self._context is None or self.accepted:
            self.accepted = False
            self._context = spnego.server(protocol="negotiate")
        try:
            answer = self._context.step(token)
        except (SpnegoError, ValueError, IndexError, KeyError, struct.error):
            # spnego's reader of tokens lets Python's own errors out for bytes that are none
            return self._refuse()
        self.accepted = bool(self._context.complete)
        self.sealed = self.accepted and self._needs_sealing
        return [("WWW-Authenticate", f"{scheme} {base64.b64encode(answer).decode()}")] if answer else []

    def _refuse(self) -> list[tuple[str, str]]:
        self._context, self.accepted, self.sealed = None, False, False
        return self.challenge()

    def open(self, body: bytes) -> bytes:
        """Return the content of a sealed message, or raise `UndecryptableError`."""
        parts = [part for part in _PARTS.split(body) if part]
        if len(parts) != 2 or self._context is None:
            raise UndecryptableError("no keys, or not two parts")
        sealed = parts[1].partition(b"\r\n")[2]
        if len(sealed) < 4:
            raise UndecryptableError("no signature")
        (length,) = struct.unpack("<i", sealed[:4])
        try:
            content = self._context.unwrap_winrm(sealed[4 : 4 + length], sealed[4 + length :])
        except (SpnegoError, ValueError, struct.error) as error:
            raise UndecryptableError(str(error)) from error
        return bytes(content)

    def seal(self, content: bytes) -> tuple[str, bytes]:
        """Return the content type and body of a sealed message."""
        wrapped = self._context.wrap_winrm(content)
        head = (
            f"--{_BOUNDARY}\r\n\tContent-Type: {_SEALED}\r\n\tOriginalContent: type=application/soap+xml;"
            f"charset=UTF-8;Length={len(content) + wrapped.padding_length}\r\n--{_BOUNDARY}\r\n"
            "\tContent-Type: application/octet-stream\r\n"
        )
        signature = struct.pack("<i", len(wrapped.header)) + wrapped.header
        body = head.encode() + signature + wrapped.data + f"--{_BOUNDARY}--\r\n".encode()
        return f'multipart/encrypted;protocol="{_SEALED}";boundary="{_BOUNDARY}"', body
