"""The machine's root store on a rehearsal host, as PowerShell shows and fills it."""

from __future__ import annotations

import hashlib

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from rehearsal.host import Host
from tests.rehearsal.shells import error_of, output

STORE = r"'Cert:\LocalMachine\Root'"
PEM = trustme.CA().cert_pem.bytes()
DER = x509.load_pem_x509_certificate(PEM).public_bytes(serialization.Encoding.DER)
THUMBPRINT = hashlib.sha1(DER).hexdigest().upper()


@pytest.mark.parametrize("content", [pytest.param(PEM, id="PEM"), pytest.param(DER, id="DER")])
def test_an_imported_certificate_is_in_the_store_once(host: Host, content: bytes) -> None:
    host.files.write(r"C:\ca.crt", content)

    for _ in range(2):
        output(
            host, rf"Import-Certificate -FilePath 'C:\ca.crt' -CertStoreLocation {STORE} -ErrorAction Stop"
        )

    assert output(host, f"Get-ChildItem -Path {STORE} | Select-Object -ExpandProperty 'Thumbprint'") == [
        THUMBPRINT
    ]


def test_a_new_host_has_an_empty_store(host: Host) -> None:
    text = f"ConvertTo-Json -Compress -InputObject @(Get-ChildItem -Path {STORE} -ErrorAction Stop)"

    assert output(host, text) == ["[]"]


def test_a_file_that_is_no_certificate_is_refused(host: Host) -> None:
    host.files.write(r"C:\ca.crt", b"nothing")

    identifier, message = error_of(
        host, rf"Import-Certificate -FilePath 'C:\ca.crt' -CertStoreLocation {STORE}"
    )

    assert "ImportCertificateCommand" in identifier
    assert "0x80092009" in message


def test_a_certificate_is_removed_by_its_thumbprint(host: Host) -> None:
    host.files.write(r"C:\ca.crt", PEM)
    output(host, rf"Import-Certificate -FilePath 'C:\ca.crt' -CertStoreLocation {STORE}")
    item = rf"'Cert:\LocalMachine\Root\{THUMBPRINT}'"

    output(host, f"Remove-Item -LiteralPath {item} -ErrorAction Stop")

    assert output(host, f"Get-ChildItem -Path {STORE} | Select-Object -ExpandProperty 'Thumbprint'") == []
    identifier, _ = error_of(host, f"Remove-Item -LiteralPath {item}")
    assert identifier.startswith("PathNotFound")
