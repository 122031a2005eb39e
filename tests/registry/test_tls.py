"""TLS on real sockets: versions, certificates that change under open connections, client certificates."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from registry_app.tls import CertificateInvalid, ReloadingContext, ServerCertificate

AUTHORITY = trustme.CA()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def write(folder: Path, certificate: trustme.LeafCert) -> None:
    """Replace certificate and key as a tool does that knows nothing of the server."""
    (folder / "server.crt").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    (folder / "server.key").write_bytes(certificate.private_key_pem.bytes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, AUTHORITY.issue_cert("registry.test", "127.0.0.1"))
    return tmp_path


def files(folder: Path) -> ServerCertificate:
    return ServerCertificate(str(folder / "server.crt"), str(folder / "server.key"))


@asynccontextmanager
async def listening(context: ssl.SSLContext) -> AsyncIterator[int]:
    """An echo server on the loopback; gives its port."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def client(authority: trustme.CA = AUTHORITY) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(
        cls, port: int, context: ssl.SSLContext, name: str | None = "registry.test"
    ) -> "Connection":
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name))

    async def works(self) -> bool:
        self.writer.write(b"hello\n")
        return await self.reader.readline() == b"hello\n"

    @property
    def serial(self) -> int:
        der = self.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(der).serial_number


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), 30))


@pytest.mark.parametrize(
    ("version", "accepted"),
    [
        pytest.param(ssl.TLSVersion.TLSv1_1, False, id="1.1"),
        pytest.param(ssl.TLSVersion.TLSv1_2, True, id="1.2"),
        pytest.param(ssl.TLSVersion.TLSv1_3, True, id="1.3"),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_only_current_versions_are_spoken(folder: Path, version: ssl.TLSVersion, accepted: bool) -> None:
    context = client()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])

    async def main() -> None:
        async with listening(ReloadingContext(files(folder)).context) as port:
            if not accepted:
                with pytest.raises((ssl.SSLError, ConnectionError)):
                    await Connection.open(port, context)
                return
            connection = await Connection.open(port, context)
            assert await connection.works()
            assert connection.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"

    run(main)


@pytest.mark.parametrize("name", ["registry.test", "127.0.0.1"])
def test_a_changed_certificate_is_presented_and_open_connections_go_on(folder: Path, name: str) -> None:
    """With a server name in the handshake and (for an address) without one."""
    clock = Clock()
    context = ReloadingContext(files(folder), clock=clock).context
    new = AUTHORITY.issue_cert("registry.test", "127.0.0.1")

    async def main() -> None:
        async with listening(context) as port:
            before = await Connection.open(port, client(), name)
            write(folder, new)
            clock.now += 1
            after = await Connection.open(port, client(), name)
            assert await before.works()
            assert await after.works()
            assert after.serial != before.serial

    run(main)


def test_a_certificate_whose_key_is_not_there_yet_is_not_used(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    reloading = ReloadingContext(files(folder), clock=clock)
    key = (folder / "server.key").read_bytes()
    new = AUTHORITY.issue_cert("registry.test")

    async def main() -> None:
        async with listening(reloading.context) as port:
            before = await Connection.open(port, client())
            write(folder, new)
            new_key = (folder / "server.key").read_bytes()
            (folder / "server.key").write_bytes(key)
            clock.now += 1
            assert (await Connection.open(port, client())).serial == before.serial
            (folder / "server.key").write_bytes(new_key)
            clock.now += 1
            assert (await Connection.open(port, client())).serial != before.serial

    run(main)

    assert "not the key of the certificate" in caplog.text


def test_nothing_is_read_again_within_an_interval(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    reloading = ReloadingContext(files(folder), clock=clock)
    asked: list[str] = []
    stat = os.stat

    def counting(path: str) -> os.stat_result:
        asked.append(str(path))
        return stat(path)

    monkeypatch.setattr(os, "stat", counting)

    for _ in range(100):
        reloading.look()
    assert not [path for path in asked if "server" in path]

    clock.now += 1
    reloading.look()
    assert len([path for path in asked if "server" in path]) == 2


@pytest.mark.parametrize(
    ("mode", "shown", "accepted"),
    [
        pytest.param(ssl.CERT_REQUIRED, None, False, id="required, none"),
        pytest.param(ssl.CERT_REQUIRED, "ours", True, id="required, good"),
        pytest.param(ssl.CERT_REQUIRED, "foreign", False, id="required, of a stranger"),
        pytest.param(ssl.CERT_OPTIONAL, None, True, id="optional, none"),
        pytest.param(ssl.CERT_OPTIONAL, "foreign", False, id="optional, of a stranger"),
    ],
)
def test_client_certificates(folder: Path, mode: ssl.VerifyMode, shown: str | None, accepted: bool) -> None:
    people, strangers = trustme.CA(), trustme.CA()
    people.cert_pem.write_to_path(folder / "people.crt")
    context = client()
    if shown:
        {"ours": people, "foreign": strangers}[shown].issue_cert("anna@test").configure_cert(context)
    server = replace(files(folder), client_authorities=(str(folder / "people.crt"),), client_auth=mode)

    async def main() -> None:
        async with listening(ReloadingContext(server).context) as port:
            try:
                worked = await (await Connection.open(port, context)).works()
            except (ssl.SSLError, ConnectionError):
                worked = False
            assert worked == accepted

    run(main)


def encrypted(folder: Path) -> None:
    key = serialization.load_pem_private_key((folder / "server.key").read_bytes(), None)
    (folder / "server.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(lambda f: (f / "server.crt").unlink(), "server.crt: No such file", id="no certificate"),
        pytest.param(lambda f: (f / "server.key").unlink(), "server.key: No such file", id="no key"),
        pytest.param(
            lambda f: (f / "server.crt").write_text("x"), "server.crt: not a PEM file", id="not PEM"
        ),
        pytest.param(
            lambda f: (f / "server.key").write_bytes(AUTHORITY.issue_cert("x").private_key_pem.bytes()),
            "server.key: not the key of the certificate",
            id="another key",
        ),
        pytest.param(encrypted, "server.key: the private key is encrypted", id="encrypted"),
    ],
)
def test_files_that_make_no_server_are_named(
    folder: Path, spoil: Callable[[Path], object], reason: str
) -> None:
    spoil(folder)

    with pytest.raises(CertificateInvalid) as caught:
        ReloadingContext(files(folder))

    assert reason in str(caught.value)


def test_an_authority_that_is_none_is_named(folder: Path) -> None:
    (folder / "people.crt").write_text("nothing")

    with pytest.raises(CertificateInvalid, match=r"people.crt: no certificate of an authority"):
        ReloadingContext(replace(files(folder), client_authorities=(str(folder / "people.crt"),)))
