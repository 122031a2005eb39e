"""The certificate of the daemon's own API (go-connections ``tlsconfig.Server``)."""

from __future__ import annotations

from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from rehearsal.engine.daemon.machine import FileFault, Machine
from rehearsal.engine.daemon.validation import InvalidConfiguration, text
from rehearsal.engine.golang.quoting import quote


def check(config: Mapping[str, object], machine: Machine) -> None:
    """Raise `InvalidConfiguration` if TLS is on and its files cannot be used."""
    if not config.get("tls"):
        return
    certificate, key = text(config, "tlscert"), text(config, "tlskey")
    names = f"(cert: {quote(certificate)}, key: {quote(key)})"
    try:
        certificate_pem = _read(machine, certificate)
        key_pem = _read(machine, key)
    except FileFault as fault:
        problem = "could not load" if fault.missing else "error reading"
        hint = "" if fault.missing else " - make sure the key is not encrypted"
        raise InvalidConfiguration(
            f"invalid TLS configuration: {problem} X509 key pair{hint} {names}: {fault.text}"
        ) from fault
    mismatch = _mismatch(certificate_pem, key_pem)
    if mismatch:
        raise InvalidConfiguration(
            "invalid TLS configuration: error reading X509 key pair - make sure the key is not encrypted "
            f"{names}: {mismatch}"
        )
    authority = text(config, "tlscacert")
    if config.get("tlsverify") in (None, True) and authority:
        _check_authority(machine, authority)


def _read(machine: Machine, path: str) -> bytes:
    try:
        return machine.read(path)
    except FileFault as fault:
        raise FileFault(f"{fault.operation} {path}: {fault.text}", missing=fault.missing) from fault


def _mismatch(certificate_pem: bytes, key_pem: bytes) -> str:
    """Say in Go's words what is wrong with a certificate and its key, or nothing."""
    if b"-----BEGIN" not in certificate_pem:
        return "tls: failed to find any PEM data in certificate input"
    if b"-----BEGIN" not in key_pem:
        return "tls: failed to find any PEM data in key input"
    if b"-----BEGIN CERTIFICATE-----" not in certificate_pem:
        return (
            "tls: failed to find certificate PEM data in certificate input, but did find a private key; "
            "PEM inputs may have been switched"
        )
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
    except ValueError:
        return "x509: malformed certificate"
    if b"PRIVATE KEY-----" not in key_pem:
        return (
            "tls: found a certificate rather than a key in the PEM for the private key"
            if b"CERTIFICATE-----" in key_pem
            else 'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input'
        )
    try:
        key = load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError):
        return "tls: failed to parse private key"
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        return "tls: private key does not match public key"
    return ""


def _check_authority(machine: Machine, path: str) -> None:
    try:
        content = _read(machine, path)
    except FileFault as fault:
        raise InvalidConfiguration(
            f"invalid TLS configuration: could not read CA certificate {quote(path)}: {fault.text}"
        ) from fault
    try:
        found = x509.load_pem_x509_certificates(content)
    except ValueError:
        found = []
    if not found:
        raise InvalidConfiguration(
            f"invalid TLS configuration: failed to append certificates from PEM file: {quote(path)}"
        )
