"""Does this certificate still do? Pure: found × wanted × now → a reason to issue a new one, or None."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from deploy.certificates.authority import Issued, issued_by
from deploy.certificates.names import Names

RENEW_BEFORE = timedelta(days=30)
"""A third of a server certificate's life: a lab that is provisioned once a month never sees one end."""


def reason_to_renew(
    found: Issued | None, authority: x509.Certificate, wanted: Names, now: datetime
) -> str | None:
    """Return why a new certificate is needed in place of ``found``; None if it still does."""
    if found is None:
        return "there is none"
    try:
        certificate = x509.load_pem_x509_certificate(found.certificate)
        key = serialization.load_pem_private_key(found.key, None)
    except (TypeError, ValueError):
        return "it is damaged"
    if not issued_by(certificate, authority):
        return "it was issued by another authority"
    names = Names.on(certificate)
    if names != wanted:
        return f"it is for {names}, not for {wanted}"
    if key.public_key() != certificate.public_key():
        return "its key is that of another certificate"
    end = certificate.not_valid_after_utc
    # An authority near its own end issues shorter certificates: renewing those early would renew them for
    # ever.
    if now >= end - RENEW_BEFORE and (end < authority.not_valid_after_utc or now >= end):
        return f"it ends on {end:%Y-%m-%d}"
    return None
