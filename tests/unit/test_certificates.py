"""The lab's authority, server certificates, their renewal, and the check of the user's own files."""

import os
import ssl
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from deploy.certificates import own
from deploy.certificates.authority import SERVER_LIFETIME, Authority, AuthorityUnusable
from deploy.certificates.keeper import Keeper
from deploy.certificates.names import Names
from deploy.certificates.renewal import RENEW_BEFORE, reason_to_renew

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NAMES = Names.of(["registry.class.lan", "172.24.194.96", "10.20.0.7"])


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create(NOW)


def handshake(authority: bytes, certificate: bytes, key: bytes, name: str, folder: Path) -> None:
    """Have OpenSSL verify the certificate as a client does; raises `ssl.SSLCertVerificationError`."""
    (folder / "chain").write_bytes(certificate)
    (folder / "key").write_bytes(key)
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(folder / "chain", folder / "key")
    client_context = ssl.create_default_context(cadata=authority.decode())
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert client.version()


@pytest.mark.parametrize("name", ["registry.class.lan", "172.24.194.96", "10.20.0.7"])
def test_a_strict_client_trusts_the_server_by_every_name(
    authority: Authority, name: str, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    fresh = Authority.create(now)
    issued = fresh.issue(NAMES, now)

    handshake(fresh.certificate_pem(), issued.certificate, issued.key, name, tmp_path)


@pytest.mark.parametrize("name", ["other.class.lan", "172.24.194.97"])
def test_a_client_trusts_the_server_by_no_other_name(name: str, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    fresh = Authority.create(now)
    issued = fresh.issue(NAMES, now)

    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake(fresh.certificate_pem(), issued.certificate, issued.key, name, tmp_path)


def test_another_authority_of_the_same_kind_is_not_trusted(authority: Authority, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    issued = Authority.create(now).issue(NAMES, now)

    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(authority.certificate_pem(), issued.certificate, issued.key, "registry.class.lan", tmp_path)


@pytest.mark.parametrize(
    ("later", "wanted", "reason"),
    [
        pytest.param(timedelta(0), NAMES, None, id="fresh"),
        pytest.param(SERVER_LIFETIME - RENEW_BEFORE - timedelta(days=1), NAMES, None, id="still long enough"),
        pytest.param(SERVER_LIFETIME - RENEW_BEFORE, NAMES, "it ends on 2027-02-21", id="ends soon"),
        pytest.param(SERVER_LIFETIME, NAMES, "it ends on", id="has ended"),
        pytest.param(
            timedelta(0), Names.of(["registry.class.lan", "10.20.0.8"]), "it is for", id="other names"
        ),
    ],
)
def test_a_certificate_is_renewed_when_it_must_be(
    authority: Authority, later: timedelta, wanted: Names, reason: str | None
) -> None:
    issued = authority.issue(NAMES, NOW)

    found = reason_to_renew(issued, authority.certificate, wanted, NOW + later)

    assert found is None if reason is None else reason in (found or "")


def test_what_is_no_certificate_of_ours_is_renewed(authority: Authority) -> None:
    issued, other = authority.issue(NAMES, NOW), authority.issue(NAMES, NOW)
    foreign = Authority.create(NOW).issue(NAMES, NOW)
    mixed = type(issued)(issued.certificate, other.key)
    broken = type(issued)(b"", issued.key)

    reasons = [reason_to_renew(f, authority.certificate, NAMES, NOW) for f in (None, foreign, mixed, broken)]

    assert reasons == [
        "there is none",
        "it was issued by another authority",
        "its key is that of another certificate",
        "it is damaged",
    ]


def test_an_authority_near_its_end_does_not_renew_for_ever(authority: Authority) -> None:
    near = authority.certificate.not_valid_after_utc - timedelta(days=5)
    issued = authority.issue(NAMES, near)

    assert reason_to_renew(issued, authority.certificate, NAMES, near) is None
    with pytest.raises(AuthorityUnusable, match="ended on 2036-11-20; make a new one"):
        authority.issue(NAMES, near + timedelta(days=5))


def test_the_same_certificate_is_given_out_until_it_must_be_renewed(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "ca")

    first = keeper.server("registry", NAMES, NOW)
    second = Keeper(tmp_path / "ca").server("registry", NAMES, NOW + timedelta(days=30))
    third = Keeper(tmp_path / "ca").server("registry", NAMES, NOW + timedelta(days=61))

    assert (first.renewed, second.renewed) == ("there is none", None)
    assert (second.certificate, second.key) == (first.certificate, first.key)
    assert third.renewed == "it ends on 2027-02-21"
    assert third.certificate != first.certificate
    assert third.authority == first.authority


def test_each_registry_has_a_certificate_of_its_own(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "ca")

    assert keeper.server("one", NAMES, NOW).key != keeper.server("two", NAMES, NOW).key


def test_keys_are_for_the_operator_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        Keeper(tmp_path / "ca").server("registry", NAMES, NOW)
    finally:
        os.umask(old)

    modes = {
        str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")
    }
    assert modes["ca"] == 0o700
    assert modes["ca/ca.key"] == modes["ca/servers/registry/server.key"] == 0o600


def test_a_passphrase_encrypts_the_authoritys_key_and_nothing_else_does(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "ca", "correct horse")
    keeper.server("registry", NAMES, NOW)

    assert b"ENCRYPTED" in (tmp_path / "ca" / "ca.key").read_bytes()
    assert Keeper(tmp_path / "ca", "correct horse").server("registry", NAMES, NOW).renewed is None
    for passphrase in (None, "wrong"):
        with pytest.raises(AuthorityUnusable, match="REGISTRY_LAB_CA_PASSPHRASE") as caught:
            Keeper(tmp_path / "ca", passphrase).server("registry", NAMES, NOW)
        assert "correct horse" not in str(caught.value)


def test_the_authoritys_key_never_leaves_its_directory(tmp_path: Path) -> None:
    files = Keeper(tmp_path / "ca").server("registry", NAMES, NOW)
    secret = (tmp_path / "ca" / "ca.key").read_bytes()

    assert secret not in (files.certificate, files.key, files.authority)
    assert b"PRIVATE" not in (files.authority or b"") + files.certificate


def open_to_others(folder: Path) -> None:
    (folder / "ca.key").chmod(0o640)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(open_to_others, "can be read by others (mode 640); run: chmod 600", id="open"),
        pytest.param(lambda folder: (folder / "ca.key").unlink(), "ca.key is missing", id="no key"),
        pytest.param(
            lambda folder: (folder / "ca.crt").unlink(), "ca.crt is missing beside", id="no certificate"
        ),
        pytest.param(
            lambda folder: (folder / "ca.crt").write_bytes(Authority.create(NOW).certificate_pem()),
            "not the key of its certificate",
            id="another certificate",
        ),
        pytest.param(
            lambda folder: (folder / "ca.crt").write_bytes(b""), "no PEM certificate", id="empty certificate"
        ),
    ],
)
def test_an_authority_that_is_spoilt_is_named_and_never_replaced(
    tmp_path: Path, spoil: Callable[[Path], object], reason: str
) -> None:
    keeper = Keeper(tmp_path)
    keeper.authority(NOW)
    spoil(tmp_path)

    with pytest.raises(AuthorityUnusable) as caught:
        keeper.authority(NOW)

    assert reason in str(caught.value)


TRUSTED = trustme.CA()
INTERMEDIATE = TRUSTED.create_child_ca()
LEAF = INTERMEDIATE.issue_cert("registry.class.lan", "172.24.194.96", "10.20.0.7")
CHAIN = b"".join(blob.bytes() for blob in LEAF.cert_chain_pems)
KEY = LEAF.private_key_pem.bytes()
ROOT = TRUSTED.cert_pem.bytes()
WILD = TRUSTED.issue_cert("*.class.lan", "172.24.194.96", "10.20.0.7")
NAMELESS = TRUSTED.issue_cert(common_name="registry.class.lan")
REAL_NOW = datetime.now(UTC)


def client_only() -> tuple[bytes, bytes]:
    now = REAL_NOW
    authority = Authority.create(now)
    issued = authority.issue(NAMES, now)
    certificate = x509.load_pem_x509_certificate(issued.certificate)
    builder = (
        x509.CertificateBuilder(
            certificate.issuer, certificate.subject, certificate.public_key(), certificate.serial_number
        )
        .not_valid_before(certificate.not_valid_before_utc)
        .not_valid_after(certificate.not_valid_after_utc)
        .add_extension(
            x509.SubjectAlternativeName(
                certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            ),
            critical=False,
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    )
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), issued.key


CLIENT = client_only()
ENCRYPTED = serialization.load_pem_private_key(KEY, None).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
)


@pytest.mark.parametrize(
    ("certificate", "key", "authority", "now", "expected"),
    [
        pytest.param(CHAIN, KEY, ROOT, REAL_NOW, [], id="good"),
        pytest.param(CHAIN, KEY, None, REAL_NOW, [], id="trusted already"),
        pytest.param(
            WILD.cert_chain_pems[0].bytes(), WILD.private_key_pem.bytes(), ROOT, REAL_NOW, [], id="wildcard"
        ),
        pytest.param(
            b"x", KEY, ROOT, REAL_NOW, ["certificate: no PEM certificate in the file"], id="no certificate"
        ),
        pytest.param(CHAIN, b"x", ROOT, REAL_NOW, ["key: no PEM private key in the file"], id="no key"),
        pytest.param(
            CHAIN, ENCRYPTED, ROOT, REAL_NOW, ["key: it is encrypted, and a registry"], id="encrypted"
        ),
        pytest.param(
            CHAIN,
            WILD.private_key_pem.bytes(),
            ROOT,
            REAL_NOW,
            ["key: it is not the key of the"],
            id="another key",
        ),
        pytest.param(
            LEAF.cert_chain_pems[0].bytes(),
            KEY,
            ROOT,
            REAL_NOW,
            ["is an intermediate certificate missing?"],
            id="gap",
        ),
        pytest.param(CHAIN, KEY, b"x", REAL_NOW, ["authority: no PEM"], id="no authority"),
        pytest.param(
            CHAIN + trustme.CA().cert_pem.bytes(),
            KEY,
            None,
            REAL_NOW,
            ["which did not issue it"],
            id="wrong order",
        ),
        pytest.param(
            CHAIN,
            KEY,
            ROOT,
            datetime(1999, 1, 1, tzinfo=UTC),
            ["certificate: it begins only on"],
            id="not yet",
        ),
        pytest.param(
            CHAIN, KEY, ROOT, datetime(3999, 1, 1, tzinfo=UTC), ["certificate: it ended on"], id="ended"
        ),
        pytest.param(
            NAMELESS.cert_chain_pems[0].bytes(),
            NAMELESS.private_key_pem.bytes(),
            ROOT,
            REAL_NOW,
            ["no subject alternative names, which is all clients look at; needs registry.class.lan, 10"],
            id="common name only",
        ),
        pytest.param(*CLIENT, None, REAL_NOW, ["certificate: it is not meant for servers"], id="for clients"),
    ],
)
def test_the_users_own_files_are_checked(
    certificate: bytes, key: bytes, authority: bytes | None, now: datetime, expected: list[str]
) -> None:
    found = own.problems(certificate, key, authority, NAMES, now)

    assert len(found) == len(expected)
    assert all(part in problem for part, problem in zip(expected, found, strict=True))


def test_names_that_the_users_certificate_lacks_are_listed() -> None:
    wanted = Names.of(["registry.class.lan", "a.b.class.lan", "192.0.2.1", "10.20.0.7"])

    (problem,) = own.problems(
        WILD.cert_chain_pems[0].bytes(), WILD.private_key_pem.bytes(), ROOT, wanted, REAL_NOW
    )

    assert problem == (
        "certificate: it is not good for a.b.class.lan, 192.0.2.1 "
        "(it names *.class.lan, 10.20.0.7, 172.24.194.96)"
    )


def test_a_self_signed_certificate_may_be_its_own_authority() -> None:
    """The lab's part 3: one self-signed certificate, copied and trusted everywhere."""
    authority = Authority.create(REAL_NOW)

    found = own.problems(
        authority.certificate_pem(),
        authority.key_pem(None),
        authority.certificate_pem(),
        Names.of([]),
        REAL_NOW,
    )

    assert found == []


def test_a_certificate_that_ends_soon_is_warned_of() -> None:
    authority = Authority.create(NOW)
    issued = authority.issue(NAMES, NOW)

    assert own.ends_soon(issued.certificate, NOW) is None
    assert own.ends_soon(issued.certificate, NOW + timedelta(days=80)) == "the certificate ends on 2027-02-21"
