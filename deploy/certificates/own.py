"""Check the user's own certificate files before a host gets them. Pure: PEM texts in, problems out."""

from datetime import datetime, timedelta
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from deploy.certificates.authority import issued_by
from deploy.certificates.names import Names

WARN_BEFORE = timedelta(days=14)


def problems(
    certificate: bytes, key: bytes, authority: bytes | None, wanted: Names, now: datetime
) -> list[str]:
    """Return everything that is wrong with the files of a server that must be good for ``wanted``.

    ``certificate`` may carry intermediate certificates behind the server's own; ``authority`` is what hosts
    are to trust, None if they trust it already.
    """
    try:
        chain = x509.load_pem_x509_certificates(certificate)
    except ValueError:
        return ["certificate: no PEM certificate in the file"]
    server = chain[0]
    return [
        *_key_problems(server, key),
        *_name_problems(server, wanted),
        *_time_problems(server, now),
        *_usage_problems(server),
        *_chain_problems(chain, authority),
    ]


def ends_soon(certificate: bytes, now: datetime) -> str | None:
    """Return a warning if the server's certificate ends within `WARN_BEFORE`."""
    end = x509.load_pem_x509_certificates(certificate)[0].not_valid_after_utc
    return f"the certificate ends on {end:%Y-%m-%d}" if end - now < WARN_BEFORE else None


def _key_problems(server: x509.Certificate, key: bytes) -> list[str]:
    try:
        loaded = serialization.load_pem_private_key(key, None)
    except TypeError:
        return [
            "key: it is encrypted, and a registry starts without anybody to type a passphrase; decrypt it"
        ]
    except ValueError:
        return ["key: no PEM private key in the file"]
    if loaded.public_key() != server.public_key():
        return [
            "key: it is not the key of the certificate (the server's own certificate comes first in the file)"
        ]
    return []


def _name_problems(server: x509.Certificate, wanted: Names) -> list[str]:
    offered = Names.on(server)
    missing = ", ".join(wanted.missing_from(offered))
    if missing and not offered.dns and not offered.addresses:
        return [
            f"certificate: it has no subject alternative names, which is all clients look at; needs {missing}"
        ]
    return [f"certificate: it is not good for {missing} (it names {offered})"] if missing else []


def _time_problems(server: x509.Certificate, now: datetime) -> list[str]:
    if now < server.not_valid_before_utc:
        return [f"certificate: it begins only on {server.not_valid_before_utc:%Y-%m-%d}"]
    if now >= server.not_valid_after_utc:
        return [f"certificate: it ended on {server.not_valid_after_utc:%Y-%m-%d}"]
    return []


def _usage_problems(server: x509.Certificate) -> list[str]:
    try:
        usage = server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return []
    allowed = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    return [] if allowed & set(usage) else ["certificate: it is not meant for servers (extended key usage)"]


def _chain_problems(chain: list[x509.Certificate], authority: bytes | None) -> list[str]:
    for lower, upper in pairwise(chain):
        if not issued_by(lower, upper):
            return [
                f"certificate: {_subject(lower)} is followed by {_subject(upper)}, which did not issue it"
            ]
    if authority is None:
        return []
    try:
        trusted = x509.load_pem_x509_certificates(authority)
    except ValueError:
        return ["authority: no PEM certificate in the file"]
    # A self-signed server certificate may be its own authority, as in the lab's part 3.
    if chain[-1] in trusted or any(issued_by(chain[-1], root) for root in trusted):
        return []
    names = ", ".join(map(_subject, trusted))
    return [
        f"authority: {names} did not issue {_subject(chain[-1])}; is an intermediate certificate missing?"
    ]


def _subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or "a certificate without a subject"
