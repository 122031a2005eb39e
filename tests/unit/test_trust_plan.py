"""Plans for what a host trusts and keeps private, and the commands that they become."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from deploy.certificates.authority import Authority
from deploy.connector_scripts import PART_SUFFIX
from deploy.plan.private import (
    ADMINISTRATORS,
    CONTAINER_USER,
    FOR_THE_CONTAINER,
    SYSTEM,
    plan_private_files,
    plan_protection,
)
from deploy.plan.trust import (
    ROOT_FILE,
    Profile,
    TrustFound,
    TrustWanted,
    plan_trust,
    profile_of,
    thumbprint,
    trusted_names,
)
from deploy.settings import RegistrySettings, TrustSettings
from deploy.state import DirectoryState
from deploy.steps import MakeDirectory, Refuse, RemovePath, Step
from deploy.trust import hosts_file
from deploy.trust.commands import commands
from deploy.trust.credentials import Login
from deploy.trust.steps import ImportRoot, Protect, PutBytes

AUTHORITY = Authority.create(datetime(2026, 11, 23, tzinfo=UTC)).certificate_pem()
DIRECTORY = r"C:\ProgramData\registry-lab\certs"
CLOSED = "O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;S-1-5-93-2-1)"
FRESH = "O:BAG:SYD:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIID;0x1200a9;;;BU)"
ADDED = f"{CLOSED}(A;OICI;0x1301bf;;;AU)"
ABSENT = DirectoryState(DIRECTORY, None)
PROTECT = Protect(DIRECTORY, FOR_THE_CONTAINER, is_directory=True)
MADE_ANEW = [
    RemovePath(rf"{DIRECTORY}\a"),
    PutBytes(rf"{DIRECTORY}\a", b"1"),
    RemovePath(rf"{DIRECTORY}\b"),
    PutBytes(rf"{DIRECTORY}\b", b"2"),
]
"""What may be somebody's who can still read it, made anew in a directory that is closed now."""
REGISTRY = "172.24.194.96:5000"
CA_FILE = r"C:\ProgramData\docker\certs.d\172.24.194.965000\ca.crt"


INHERITED = "'*S-1-5-18:(OI)(CI)F' '*S-1-5-32-544:(OI)(CI)F' '*S-1-5-93-2-1:(OI)(CI)RX'"
INTO_THE_STORE = r"-CertStoreLocation 'Cert:\LocalMachine\Root' -ErrorAction Stop"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest().upper()


@pytest.mark.parametrize(
    ("sddl", "hashes", "steps"),
    [
        pytest.param(
            None,
            {},
            [
                MakeDirectory(DIRECTORY),
                PROTECT,
                PutBytes(rf"{DIRECTORY}\a", b"1"),
                PutBytes(rf"{DIRECTORY}\b", b"2"),
            ],
            id="nothing there",
        ),
        pytest.param(CLOSED, {"a": sha256(b"1"), "b": sha256(b"2")}, [], id="as wanted"),
        pytest.param(
            CLOSED,
            {"a": sha256(b"1"), "b": sha256(b"3")},
            [PutBytes(rf"{DIRECTORY}\b", b"2")],
            id="one is other",
        ),
        pytest.param(
            FRESH,
            {"a": sha256(b"1"), "b": sha256(b"2")},
            [PROTECT, *MADE_ANEW],
            id="open to users by inheritance",
        ),
        pytest.param(
            ADDED,
            {"a": sha256(b"1"), "b": sha256(b"2")},
            [
                Protect(DIRECTORY, FOR_THE_CONTAINER, is_directory=True, intruders=("S-1-5-11",)),
                *MADE_ANEW,
            ],
            id="opened by somebody",
        ),
        pytest.param(
            CLOSED.replace("O:BA", "O:S-1-5-21-7-7-7-1001"),
            {"a": sha256(b"1")},
            [PROTECT, *MADE_ANEW[:2], PutBytes(rf"{DIRECTORY}\b", b"2")],
            id="made by somebody, and closed for show",
        ),
    ],
)
def test_a_directory_is_closed_before_a_secret_comes_into_it(
    sddl: str | None, hashes: Mapping[str, str], steps: list[Step]
) -> None:
    found = DirectoryState(DIRECTORY, sddl)

    assert plan_private_files(DIRECTORY, found, {"a": b"1", "b": b"2"}, hashes) == steps


def test_secrets_are_in_no_step_that_is_shown() -> None:
    (_, _, put) = plan_private_files(DIRECTORY, ABSENT, {"a": b"geheim"}, {})

    assert "geheim" not in f"{put} {put!r}"


@pytest.mark.parametrize(
    ("sddl", "closed"),
    [
        pytest.param(
            "D:PAI(A;;FA;;;SY)(A;;FA;;;BA)(A;;0x1301bf;;;S-1-5-21-7-7-7-1001)", True, id="one account"
        ),
        pytest.param("D:PAI(A;;FA;;;SY)(A;;FA;;;BA)", False, id="nobody"),
        pytest.param(
            "D:PAI(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;S-1-5-21-7-7-7-1001)(A;;FR;;;BU)",
            False,
            id="users as well",
        ),
        pytest.param(
            "D:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;FA;;;S-1-5-21-7-7-7-1001)", False, id="inherited"
        ),
    ],
)
def test_an_account_that_is_known_by_name_is_the_only_other_reader(sddl: str, closed: bool) -> None:
    grants = {SYSTEM: "F", ADMINISTRATORS: "F", r"LAB\student": "M"}

    steps = plan_protection(DirectoryState(r"C:\x", sddl), grants, is_directory=False)

    assert steps == ([] if closed else [Protect(r"C:\x", grants, is_directory=False)])


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        pytest.param(
            PROTECT,
            [
                f"icacls.exe {DIRECTORY} /setowner '*S-1-5-32-544'",
                f"icacls.exe {DIRECTORY} /inheritance:r /grant:r {INHERITED}",
            ],
            id="directory",
        ),
        pytest.param(
            Protect(r"C:\x", {r"LAB\sam": "M"}, is_directory=False, intruders=("S-1-5-11",)),
            [r"icacls.exe C:\x /inheritance:r /grant:r LAB\sam:M", r"icacls.exe C:\x /remove '*S-1-5-11'"],
            id="file",
        ),
        pytest.param(
            ImportRoot(ROOT_FILE),
            [f"Import-Certificate -FilePath '{ROOT_FILE}' {INTO_THE_STORE} | Out-Null"],
            id="root store",
        ),
    ],
)
def test_steps_become_commands_that_a_person_could_type(step: Step, expected: list[str]) -> None:
    assert commands(step) == expected


LOGIN = Login(REGISTRY, "tess", "geheim")
CONFIG = r"C:\Users\student\.docker\config.json"
ON_ITS_WAY = f"{CONFIG}{PART_SUFFIX}"
WANTED = TrustWanted(
    {REGISTRY: AUTHORITY},
    {"registry.class.lan": "172.24.194.96"},
    AUTHORITY,
    (Profile("student", CONFIG, (LOGIN,)),),
)
NOTHING = TrustFound(
    {}, b"127.0.0.1 localhost\r\n", frozenset(), {CONFIG: (b"", DirectoryState(CONFIG, None))}
)


def after(steps: list[Step]) -> TrustFound:
    """What is found once these steps were taken on a bare host."""
    files = {step.path: step.content for step in steps if isinstance(step, PutBytes)}
    owner = "O:BAG:SYD:PAI(A;;FA;;;SY)(A;;FA;;;BA)(A;;0x1301bf;;;S-1-5-21-7-7-7-1001)"
    return TrustFound(
        {path: sha256(content) for path, content in files.items()},
        files[hosts_file.PATH],
        frozenset([thumbprint(AUTHORITY)]),
        {CONFIG: (files[CONFIG], DirectoryState(CONFIG, owner))},
    )


@pytest.mark.parametrize("containerd", [False, True])
def test_a_bare_host_gets_everything_and_then_nothing_more(containerd: bool) -> None:
    steps = plan_trust(WANTED, NOTHING, containerd=containerd)

    put = [step.path for step in steps if isinstance(step, PutBytes)]
    assert put[0] == CA_FILE
    assert (r"C:\ProgramData\docker\certs.d\172.24.194.96_5000_\ca.crt" in put) == containerd
    assert put[-5:] == [ROOT_FILE, hosts_file.PATH, CONFIG, ON_ITS_WAY, CONFIG]
    assert ImportRoot(ROOT_FILE) in steps
    closed = Protect(CONFIG, {SYSTEM: "F", ADMINISTRATORS: "F", "student": "M"}, is_directory=False)
    # The password comes into a file that is closed already.
    assert steps[-5:-1] == [
        PutBytes(CONFIG, b"{}\n"),
        closed,
        # And it is closed on its way there: the directory may be open to others.
        PutBytes(ON_ITS_WAY, b""),
        Protect(ON_ITS_WAY, {SYSTEM: "F", ADMINISTRATORS: "F"}, is_directory=False),
    ]
    assert isinstance(steps[-1], PutBytes)
    assert plan_trust(WANTED, after(steps), containerd=containerd) == []


def test_an_account_that_never_logged_on_gets_no_profile_from_us() -> None:
    found = TrustFound({}, b"", profiles=NOTHING.profiles, absent=frozenset({r"C:\Users\student"}))

    (refusal,) = plan_trust(WANTED, found, containerd=False)

    assert isinstance(refusal, Refuse)
    assert r"the account student has no profile C:\Users\student" in refusal.reason


def test_a_name_that_is_no_longer_wanted_leaves_the_hosts_file() -> None:
    found = after(plan_trust(WANTED, NOTHING, containerd=False))

    assert plan_trust(TrustWanted({}), found, containerd=False) == [
        PutBytes(hosts_file.PATH, b"127.0.0.1 localhost\r\n")
    ]


def test_a_renewed_authority_takes_the_place_of_the_old_one() -> None:
    found = after(plan_trust(WANTED, NOTHING, containerd=False))
    new = Authority.create(datetime(2026, 11, 23, tzinfo=UTC)).certificate_pem()

    steps = plan_trust(TrustWanted({REGISTRY: new}, WANTED.names), found, containerd=False)

    assert steps == [MakeDirectory(CA_FILE.rpartition("\\")[0]), PutBytes(CA_FILE, new)]


@pytest.mark.parametrize(
    ("hosts", "config", "reason"),
    [
        pytest.param(
            b"10.0.0.1 registry.class.lan\r\n", b"", "gives registry.class.lan to 10.0.0.1", id="hosts file"
        ),
        pytest.param(b"", b"{", "config.json is no JSON", id="config.json"),
    ],
)
def test_what_belongs_to_others_is_refused_and_not_overwritten(
    hosts: bytes, config: bytes, reason: str
) -> None:
    found = TrustFound({}, hosts, frozenset(), {CONFIG: (config, DirectoryState(CONFIG, None))})

    (refusal,) = plan_trust(WANTED, found, containerd=False)

    assert isinstance(refusal, Refuse)
    assert reason in refusal.reason


def test_a_name_leads_to_the_container_here_and_to_the_host_elsewhere() -> None:
    registry = RegistrySettings(dns_name="registry.class.lan")
    trust = TrustSettings.model_validate(
        {
            "registries": [
                {"name": "other.class.lan:5000", "address": "10.20.0.7"},
                {"name": "known.to.dns:5000"},
            ]
        }
    )

    assert trusted_names(trust, registry) == {
        "registry.class.lan": "172.24.194.96",
        "other.class.lan": "10.20.0.7",
    }
    assert trusted_names(TrustSettings(hosts_file=False), registry) == {}


def test_an_account_of_a_domain_has_its_profile_under_its_own_name() -> None:
    assert profile_of(r"LAB\student") == r"C:\Users\student"


def test_the_account_that_reads_for_the_container_is_the_containers() -> None:
    assert FOR_THE_CONTAINER[CONTAINER_USER] == "RX"
    assert json.dumps(dict(FOR_THE_CONTAINER)).count("S-1-5") == 3
