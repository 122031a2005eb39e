"""What an ``Authorization`` header says. RFC 7617 (Basic), RFC 6750 (Bearer). Pure."""

import base64
import binascii
from dataclasses import dataclass, field


class CredentialsMalformed(Exception):
    """The header is of no scheme that is known here, or breaks its rules; the message shows nothing of it."""


@dataclass(frozen=True)
class Basic:
    """User and password."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Bearer:
    """A token."""

    token: str = field(repr=False)


def read_authorization(header: str) -> Basic | Bearer:
    """Return what the header carries; raises `CredentialsMalformed`."""
    scheme, _, value = header.partition(" ")
    match scheme.lower():
        case "bearer":
            return Bearer(value.strip())
        case "basic":
            return _basic(value.strip())
        case _:
            raise CredentialsMalformed("unknown authorization scheme; known are Basic and Bearer")


def _basic(value: str) -> Basic:
    try:
        text = base64.b64decode(value, validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise CredentialsMalformed("malformed Basic credentials") from error
    user, colon, password = text.partition(":")
    if not colon:
        raise CredentialsMalformed("malformed Basic credentials")
    return Basic(user, password)
