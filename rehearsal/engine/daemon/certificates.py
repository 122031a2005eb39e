"""Certificates like those that were at hand when dockerd was recorded, made anew in each process."""

from __future__ import annotations

import ntpath
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


def recorded_certificates(folder: str) -> Mapping[str, bytes]:
    """Return an authority and a server's certificate, with their keys, by path in ``folder``."""
    return {ntpath.join(folder, name): content for name, content in _contents().items()}


@cache
def _contents() -> Mapping[str, bytes]:
    authority_key, server_key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    authority = _certificate("registry-lab CA", authority_key, "registry-lab CA", authority_key)
    server = _certificate("registry-lab host", server_key, "registry-lab CA", authority_key)
    return {
        "ca.pem": authority.public_bytes(Encoding.PEM),
        "ca-key.pem": _key_pem(authority_key),
        "server-cert.pem": server.public_bytes(Encoding.PEM),
        "server-key.pem": _key_pem(server_key),
    }


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(issuer_key, hashes.SHA256())
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
