r"""The machine's root store: ``Cert:\LocalMachine\Root`` and Import-Certificate.

Windows keeps the store in its registry, a key for each certificate, named after the SHA-1 of its DER; the
value ``Blob`` is a list of properties, of which number 32 is the certificate. So does this.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from rehearsal.cmdlets.paths import absolute, resolve
from rehearsal.host import Host
from rehearsal.interfaces import WindowsError
from rehearsal.shell.cmdlet import Bound, Context, Parameter, cmdlet
from rehearsal.shell.values import PsError, PsObject, Value

STORES = r"HKLM\SOFTWARE\Microsoft\SystemCertificates"
TYPE = "System.Security.Cryptography.X509Certificates.X509Certificate2"
_CERTIFICATE = 32
_PATH = re.compile(
    r"(?:Microsoft\.PowerShell\.Security\\Certificate::|Cert:\\)LocalMachine\\(\w+)", re.IGNORECASE
)


def store_of(path: str) -> str | None:
    r"""Return which store of the machine a path such as ``Cert:\LocalMachine\Root`` names, or None."""
    match = _PATH.fullmatch(path.rstrip("\\"))
    return match[1].upper() if match else None


def certificates(host: Host, store: str) -> list[x509.Certificate]:
    """Return the certificates of a store."""
    keys = rf"{STORES}\{store}\Certificates"
    blobs = ((host.hive.get(rf"{keys}\{name}") or {}).get("Blob") for name in host.hive.subkeys(keys))
    return [_read_blob(blob) for blob in blobs if isinstance(blob, bytes)]


def shown(certificate: x509.Certificate) -> PsObject:
    """Return what PowerShell shows of a certificate."""
    properties: dict[str, Value] = {
        "Thumbprint": thumbprint(certificate),
        "Subject": certificate.subject.rfc4514_string().replace(",", ", "),
        "NotAfter": certificate.not_valid_after_utc,
    }
    return PsObject(TYPE, properties, text=TYPE, default_display=("Thumbprint", "Subject"))


def remove(host: Host, path: str) -> bool | None:
    """Take the certificate that a path names out of its store; False if there is none, None if the path is no
    certificate's.
    """
    store, _, name = path.rpartition("\\")
    if store_of(store) is None:
        return None
    if not host.hive.delete(rf"{STORES}\{store_of(store)}\Certificates\{name.upper()}"):
        return False
    host.changed(f"certificate {name.upper()} removed from {store_of(store)}")
    return True


def thumbprint(certificate: x509.Certificate) -> str:
    """Return the SHA-1 of the certificate's DER, in capitals."""
    return hashlib.sha1(_der(certificate), usedforsecurity=False).hexdigest().upper()


@cmdlet(
    "Import-Certificate",
    Parameter("FilePath", position=0, required=True, aliases=("FullName",)),
    Parameter("CertStoreLocation"),
)
def import_certificate(context: Context, bound: Bound) -> Iterator[Value]:
    """Put the certificate of a file, PEM or DER, into a store of the machine."""
    store = store_of(bound["CertStoreLocation"] or "")
    if store is None:
        context.error(_failure(context, "Cannot find the requested object. 0x80092004 (-2146885628)"))
        return
    for path in resolve(context, absolute(bound["FilePath"]), literal=True):
        try:
            certificate = _read(context.host.files.read(path))
        except (WindowsError, ValueError):
            context.error(_failure(context, "Cannot find the requested object. 0x80092009 (-2146885623)"))
            continue
        der = _der(certificate)
        key = rf"{STORES}\{store}\Certificates\{thumbprint(certificate)}"
        context.host.hive.set(key, {"Blob": struct.pack("<III", _CERTIFICATE, 1, len(der)) + der})
        context.host.changed(f"certificate {thumbprint(certificate)} put into {store}")
        yield shown(certificate)


def _read(content: bytes) -> x509.Certificate:
    if b"-----BEGIN" in content:
        return x509.load_pem_x509_certificate(content)
    return x509.load_der_x509_certificate(content)


def _read_blob(blob: bytes) -> x509.Certificate:
    _, _, length = struct.unpack_from("<III", blob)
    return x509.load_der_x509_certificate(blob[12 : 12 + length])


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _failure(context: Context, message: str) -> PsError:
    return PsError(
        message,
        "System.ComponentModel.Win32Exception,Microsoft.CertificateServices.Commands.ImportCertificateCommand",
        "NotSpecified",
        "System.ComponentModel.Win32Exception",
        activity=context.command,
    )
