"""The note of what is ours on a host, and what is taken away by it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from deploy.operations.placing import used_files
from deploy.plan import placed
from deploy.plan.placed import NoteUnreadable, Placed, StillThere, plan_removal
from deploy.settings import LabSettings
from deploy.state import DirectoryState
from deploy.steps import Refuse, RemoveFile
from deploy.trust import credentials, hosts_file
from deploy.trust.credentials import Login
from deploy.trust.steps import Protect, PutBytes, RemoveRoot

CONFIG = r"C:\Users\tess\.docker\config.json"
ROOT = "AB" * 20
TESS, SAM = frozenset({"tess"}), frozenset({"sam"})
NOTE = Placed(
    frozenset({r"C:\a.crt", r"C:\b.key"}),
    {CONFIG: {"r:5000": TESS}},
    frozenset({"r.lan"}),
    frozenset({ROOT}),
)


def auth(user: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:geheim".encode()).decode()}


def test_a_note_is_read_as_it_was_written() -> None:
    assert Placed.from_text(NOTE.text) == NOTE
    assert Placed.from_text(None) == Placed()
    assert NOTE.text == Placed.from_text(NOTE.text).text


def note_with(**members: object) -> str:
    return json.dumps({**json.loads(NOTE.text), **members})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"files": 1}',
        '{"files": [], "logins": []}',
        note_with(files=[1]),
        note_with(files=r"C:\a"),
        note_with(names=[["r.lan"]]),
        note_with(roots=[None]),
        note_with(logins={CONFIG: {"r:5000": 1}}),
        note_with(logins={CONFIG: ["r:5000"]}),
        note_with(files=["htpasswd"]),
        note_with(files=[r"\\server\share\htpasswd"]),
        note_with(files=[r"C:\lab\*"]),
        note_with(logins={r"C:\Windows\win.ini": {}}),
        note_with(roots=[r"..\My\AB"]),
        "[" * 200_000,
    ],
    ids=lambda text: text[:40],
)
def test_a_note_that_is_none_of_ours_is_refused_with_what_to_do(text: str) -> None:
    with pytest.raises(NoteUnreadable, match="run again"):
        Placed.from_text(text)


def test_a_note_of_before_has_one_user_for_each_registry() -> None:
    assert Placed.from_text(note_with(logins={CONFIG: {"r:5000": "tess"}})) == NOTE


@pytest.mark.parametrize("left", ["tess", "sam"])
def test_while_one_user_takes_the_place_of_another_either_log_in_is_ours(left: str) -> None:
    """A run that fails in between leaves the password of either, and the next may want no log-in at all."""
    changing = NOTE.with_all_of(Placed(logins={CONFIG: {"r:5000": SAM}}))
    config = json.dumps({"auths": {"r:5000": auth(left)}}).encode()

    *_, removal = plan_removal(
        Placed.from_text(changing.text).without(Placed()), StillThere(configs={CONFIG: config}), None
    )

    assert isinstance(removal, PutBytes)
    assert json.loads(removal.content) == {}


def test_nothing_that_is_still_wanted_goes() -> None:
    assert NOTE.without(NOTE) == Placed()
    assert NOTE.without(Placed(files=NOTE.files)) == Placed(frozenset(), NOTE.logins, NOTE.names, NOTE.roots)
    assert NOTE.without(Placed(logins={CONFIG: {"r:5000": SAM}})).logins == {}, "another user took its place"


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param(r"c:\LAB\Auth\htpasswd", id="case"),
        pytest.param("C:/lab/auth/htpasswd", id="slashes"),
        pytest.param("C:\\lab\\auth\\\\htpasswd", id="closing backslash"),
        pytest.param(r"C:\lab.\auth \htpasswd", id="dots and blanks that Windows drops"),
    ],
)
def test_another_spelling_of_a_path_is_the_same_file(spelling: str) -> None:
    before = Placed(frozenset({r"C:\lab\auth\htpasswd"}), {r"C:\lab\auth\htpasswd": {"r:5000": TESS}})
    after = Placed(frozenset({spelling}), {spelling: {"r:5000": TESS}})

    assert before.without(after) == Placed()
    assert before.without(Placed(logins=after.logins), used=[spelling]) == Placed()
    assert before.with_all_of(after) == after


def test_a_file_beside_one_that_is_in_use_goes() -> None:
    gone = NOTE.without(Placed(logins=NOTE.logins, names=NOTE.names, roots=NOTE.roots), used=[r"C:\A.CRT"])

    assert gone == Placed(frozenset({r"C:\b.key"}))


@pytest.mark.parametrize(
    ("settings", "used"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param(
            {"registry": {"tls": {"directory": r"C:\lab"}}},
            [r"C:\lab\registry.key", r"C:\lab\registry.crt"],
            id="files that are on the host already",
        ),
        pytest.param(
            {
                "engine": {
                    "options": {
                        "hosts": ["npipe://", "tcp://0.0.0.0:2376"],
                        "tlsverify": True,
                        "tlscacert": r"C:\lab\ca.crt",
                        "tlscert": r"C:\lab\registry.crt",
                        "tlskey": r"C:\lab\registry.key",
                    }
                }
            },
            [r"C:\lab\ca.crt", r"C:\lab\registry.crt", r"C:\lab\registry.key"],
            id="files of the engine",
        ),
    ],
)
def test_what_registry_and_engine_read_is_in_use(settings: dict[str, Any], used: list[str]) -> None:
    assert used_files(LabSettings.model_validate(settings)) == used


def test_what_is_noted_grows_before_it_shrinks() -> None:
    more = Placed(frozenset({r"C:\c"}), {CONFIG: {"r:5000": SAM, "s:5000": SAM}})

    both = NOTE.with_all_of(more)

    assert both.files == NOTE.files | more.files
    assert both.logins == {CONFIG: {"r:5000": TESS | SAM, "s:5000": SAM}}
    assert both.roots == NOTE.roots


def test_what_was_there_before_us_is_not_ours_unless_it_was_noted() -> None:
    there = Placed(frozenset({r"c:\A.crt"}), {CONFIG.lower(): {"r:5000": TESS}}, roots=frozenset({ROOT}))

    assert NOTE.of_ours(Placed(), there) == Placed(frozenset({r"C:\b.key"}), names=NOTE.names)
    assert NOTE.of_ours(Placed(), Placed()) == NOTE
    assert NOTE.of_ours(NOTE, there) == NOTE, "the run after the first"


@pytest.mark.parametrize(
    ("found", "is_held"),
    [
        pytest.param(auth("tess"), True, id="the same"),
        pytest.param({"auth": auth("tess")["auth"].rstrip("=")[:-4]}, False, id="another password"),
        pytest.param(auth("sam"), False, id="another user"),
        pytest.param({}, False, id="in a store"),
        pytest.param(None, False, id="none"),
    ],
)
def test_a_log_in_is_held_if_user_and_password_are_the_same(found: object, is_held: bool) -> None:
    login = Login("r:5000", "tess", "geheim")
    config = {"auths": {} if found is None else {"r:5000": found}}

    assert credentials.held(json.dumps(config).encode(), [login]) == ([login] if is_held else [])


def test_only_what_is_ours_and_still_there_is_taken_away() -> None:
    config = json.dumps({"auths": {"r:5000": auth("tess"), "ghcr.io": auth("me")}}).encode()
    hosts = f"10.0.0.1\tr.lan\t{hosts_file.MARK.decode()}\n10.0.0.2 theirs\n".encode()
    found = StillThere([r"C:\a.crt"], {CONFIG: config}, hosts, [ROOT, "CD" * 20])

    on_its_way, closed, login, names, root, file = plan_removal(NOTE, found, {})

    assert on_its_way == PutBytes(f"{CONFIG}.part", b"")
    assert isinstance(closed, Protect)
    assert isinstance(login, PutBytes)
    assert json.loads(login.content) == {"auths": {"ghcr.io": auth("me")}}
    assert names == PutBytes(hosts_file.PATH, b"10.0.0.2 theirs\n")
    assert root == RemoveRoot(ROOT)
    assert file == RemoveFile(r"C:\a.crt")


def test_the_second_time_there_is_nothing_to_take_away() -> None:
    assert plan_removal(NOTE, StillThere((), {CONFIG: b""}, b"10.0.0.2 theirs\n", ()), {}) == []


def test_what_cannot_be_read_is_not_overwritten() -> None:
    (refusal,) = plan_removal(NOTE, StillThere(configs={CONFIG: b"{"}), None)

    assert isinstance(refusal, Refuse)


@pytest.mark.parametrize(
    ("config", "left"),
    [
        pytest.param({"auths": {"r:5000": auth("tess")}}, {}, id="ours"),
        pytest.param({"auths": {"r:5000": auth("sam")}}, {"auths": {"r:5000": auth("sam")}}, id="theirs"),
        pytest.param({"auths": {"r:5000": {}}}, {"auths": {"r:5000": {}}}, id="in a store"),
        pytest.param(
            {"auths": {"r:5000": {"auth": "?"}}}, {"auths": {"r:5000": {"auth": "?"}}}, id="no log-in"
        ),
        pytest.param(
            {
                "auths": {"r:5000": auth("tess")},
                "credHelpers": {"r:5000": "", "x": "y"},
                "credsStore": "wincred",
            },
            {"credHelpers": {"x": "y"}, "credsStore": "wincred"},
            id="with a store beside it",
        ),
    ],
)
def test_a_log_in_goes_if_it_is_still_the_one_that_was_placed(
    config: dict[str, object], left: dict[str, object]
) -> None:
    assert json.loads(credentials.without(json.dumps(config).encode(), {"r:5000": TESS})) == left


@pytest.mark.parametrize("before", [b"", b'{"auths": {"a": {}}, "credsStore": "wincred"}'])
def test_placing_and_taking_away_leaves_what_was_there(before: bytes) -> None:
    placed_there = credentials.edit(before, [Login("r:5000", "tess", "geheim")])

    after = credentials.without(placed_there, {"r:5000": TESS})

    assert json.loads(after) == json.loads(before or b"{}")


CLOSED = "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"


@pytest.mark.parametrize(
    ("sddl", "trusted"),
    [
        pytest.param(f"O:BAG:SY{CLOSED}", True, id="as we leave it"),
        pytest.param(f"O:SYG:SY{CLOSED}", True, id="of the system"),
        pytest.param(f"O:S-1-5-21-7-7-7-1001G:SY{CLOSED}", False, id="of somebody who closed it for show"),
        pytest.param("O:BAG:SYD:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)", False, id="not cut off"),
        pytest.param(f"O:BAG:SY{CLOSED}(A;OICI;0x1301bf;;;AU)", False, id="open"),
        pytest.param(CLOSED, False, id="of nobody"),
        pytest.param(None, False, id="gone"),
    ],
)
def test_a_note_is_believed_if_administrators_alone_can_have_written_it(
    sddl: str | None, trusted: bool
) -> None:
    assert placed.is_trusted(DirectoryState(placed.DIRECTORY, sddl)) == trusted


def test_the_note_lies_where_only_administrators_come() -> None:
    assert placed.FILE.startswith(placed.DIRECTORY)
    assert set(placed.GRANTS.values()) == {"F"}
