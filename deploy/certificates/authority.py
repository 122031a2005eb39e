"""A certificate authority for the lab, and server certificates issued by it. Pure: no file, no clock.

P-256 throughout: every client here verifies it (Go, Windows, OpenSSL), and keys cost nothing to make.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.certificates.names import Names

AUTHORITY_LIFETIME = timedelta(days=3650)
SERVER_LIFETIME = timedelta(days=90)

CLOCK_SKEW = timedelta(days=1)
"""Certificates begin so much earlier: the clocks of lab machines are not always right."""


class AuthorityUnusable(Exception):
    """The authority's files do not make an authority; the message says what to do."""


@dataclass(frozen=True)
class Issued:
    """A certificate and its private key, as PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True)
class Authority:
    """A certificate authority with its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls, now: datetime) -> Self:
        """Return a new authority, good for `AUTHORITY_LIFETIME` from ``now``."""
        key = ec.generate_private_key(ec.SECP256R1())
        # The serial number in the name keeps two authorities apart in a root store that shows names only.
        serial = x509.random_serial_number()
        name = _name(f"registry-lab CA {serial & 0xFFFFFFFF:08x}")
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(serial)
            .not_valid_before(now - CLOCK_SKEW)
            .not_valid_after(now + AUTHORITY_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(identifier, critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    @classmethod
    def load(cls, certificate: bytes, key: bytes, passphrase: bytes | None) -> Self:
        """Return the authority in these PEM files; raises `AuthorityUnusable`."""
        try:
            loaded = serialization.load_pem_private_key(key, passphrase)
        except TypeError as error:  # a passphrase is missing, or given where none is needed
            raise AuthorityUnusable(f"the authority's key: {error}") from error
        except ValueError as error:
            raise AuthorityUnusable(
                "the authority's key cannot be read: wrong passphrase, or damaged"
            ) from error
        authority = first_certificate(certificate)
        if (
            not isinstance(loaded, ec.EllipticCurvePrivateKey)
            or loaded.public_key() != authority.public_key()
        ):
            raise AuthorityUnusable("the authority's key is not the key of its certificate")
        return cls(authority, loaded)

    def certificate_pem(self) -> bytes:
        """Return the certificate, which everybody may have."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_pem(self, passphrase: bytes | None) -> bytes:
        """Return the private key, encrypted if there is a ``passphrase``."""
        return _key_pem(self.key, passphrase)

    def issue(self, names: Names, now: datetime) -> Issued:
        """Return a new server certificate for ``names``, with a key of its own."""
        end = min(now + SERVER_LIFETIME, self.certificate.not_valid_after_utc)
        if end <= now:
            raise AuthorityUnusable(f"the authority's certificate ended on {end:%Y-%m-%d}; make a new one")
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = [x509.DNSName(name) for name in sorted(names.dns)]
        addresses = [x509.IPAddress(address) for address in sorted(names.addresses, key=str)]
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name("registry-lab registry"))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(max(now - CLOCK_SKEW, self.certificate.not_valid_before_utc))
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([*alternatives, *addresses]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(issuer, critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return Issued(certificate.public_bytes(serialization.Encoding.PEM), _key_pem(key, None))


def first_certificate(pem: bytes) -> x509.Certificate:
    """Return the first certificate of a PEM file; raises `AuthorityUnusable`."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except (ValueError, x509.InvalidVersion) as error:
        raise AuthorityUnusable(
            "no PEM certificate in the file (of a DER file, openssl x509 -inform der makes one)"
        ) from error


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Return whether ``issuer`` signed ``certificate`` (a self-signed one is its own issuer)."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey, passphrase: bytes | None) -> bytes:
    encryption = (
        serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    )
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
