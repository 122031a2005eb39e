"""What Windows does to a store, and how it is kept from it."""

from collections.abc import Callable
from random import Random

import pytest

from registry_app.storage import win32 as api
from registry_app.storage.filesystem import NameNotStorable
from registry_app.storage.win32 import Win32Error
from registry_app.storage.windows import WindowsFileSystem
from registry_app.storage.windows_names import fold, why_not_storable
from registry_app.storage.windows_paths import extended
from tests.registry.win32.conftest import ROOT
from tests.registry.win32.simulated import SimulatedWin32

TAGS = f"{ROOT}/docker/registry/v2/repositories/labs/hello/_manifests/tags"
READ_ONLY_SHARE = api.FILE_SHARE_READ


@pytest.mark.parametrize(
    "name",
    ["aux", "AUX", "con", "prn", "nul", "com1", "lpt9", "com¹", "aux.1", "nul.tar.gz", "aux .x", "CONIN$"],
)
def test_a_device_name_is_refused(windows: WindowsFileSystem, name: str) -> None:
    with pytest.raises(NameNotStorable, match=r"device.*another tag"):
        windows.check_component(name, "tag")


@pytest.mark.parametrize("name", ["v1.", "v1...", "v1 "])
def test_a_name_that_windows_would_cut_is_refused(windows: WindowsFileSystem, name: str) -> None:
    with pytest.raises(NameNotStorable, match="drops"):
        windows.check_component(name, "tag")


@pytest.mark.parametrize(
    "name", ["latest", "v1.0", "console", "auxiliary", "com10", "com", "_x", "1.aux", "x" * 255]
)
def test_an_ordinary_name_is_storable(windows: WindowsFileSystem, name: str) -> None:
    windows.check_component(name, "tag")

    assert why_not_storable(name) is None


def test_characters_outside_the_basic_plane_count_twice() -> None:
    assert why_not_storable("\N{GRINNING FACE}" * 127) is None
    assert why_not_storable("\N{GRINNING FACE}" * 128) is not None


def test_folding_is_that_of_ntfs() -> None:
    assert fold("Latest") == fold("lATEST")
    assert fold("straße") != fold("strasse")


def test_another_spelling_is_not_there(windows: WindowsFileSystem) -> None:
    windows.write_whole(f"{TAGS}/Latest/current/link", b"sha256:0")

    assert windows.stat(f"{TAGS}/latest/current/link") is None
    assert windows.stat(f"{TAGS}/latest") is None
    assert windows.list(f"{TAGS}/LATEST") == []
    with pytest.raises(FileNotFoundError):
        windows.read_bytes(f"{TAGS}/latest/current/link", 100)
    with pytest.raises(FileNotFoundError):
        windows.open_read(f"{TAGS}/latest/current/link")
    with pytest.raises(FileNotFoundError):
        windows.remove(f"{TAGS}/latest/current/link")
    windows.remove_tree(f"{TAGS}/latest")
    windows.remove_empty(f"{TAGS}/latest")
    assert windows.read_bytes(f"{TAGS}/Latest/current/link", 100) == b"sha256:0"


def test_another_spelling_cannot_be_written(windows: WindowsFileSystem) -> None:
    windows.write_whole(f"{TAGS}/Latest/current/link", b"sha256:0")

    with pytest.raises(NameNotStorable, match="only by case from 'Latest'"):
        windows.check_entry(TAGS, "latest", "tag")
    for action in (
        lambda: windows.write_whole(f"{TAGS}/latest/current/link", b"sha256:1"),
        lambda: windows.create(f"{TAGS}/latest/current/other"),
        lambda: windows.make_directory(f"{TAGS}/latest/index"),
        lambda: windows.write_whole(f"{TAGS}/Latest/current/LINK", b"sha256:1"),
    ):
        with pytest.raises(NameNotStorable):
            action()

    windows.check_entry(TAGS, "Latest", "tag")
    assert windows.read_bytes(f"{TAGS}/Latest/current/link", 100) == b"sha256:0"
    assert windows.list(f"{TAGS}/Latest") == ["current"]
    assert windows.list(windows.staging) == []


def test_a_spelling_may_be_used_once_the_other_is_removed(windows: WindowsFileSystem) -> None:
    windows.write_whole(f"{TAGS}/Latest/current/link", b"sha256:0")

    windows.remove_tree(f"{TAGS}/Latest")
    windows.write_whole(f"{TAGS}/latest/current/link", b"sha256:1")

    assert windows.list(TAGS) == ["latest"]
    assert windows.stat(f"{TAGS}/Latest/current/link") is None


def test_the_spelling_of_the_root_is_the_operators(win32: SimulatedWin32, windows: WindowsFileSystem) -> None:
    windows.write_whole(f"{TAGS}/v1/current/link", b"sha256:0")

    other = WindowsFileSystem("c:/Registry-DATA/", win32)

    assert other.read_bytes(f"{other.root}/{TAGS.removeprefix(ROOT)[1:]}/v1/current/link", 100) == b"sha256:0"


def test_what_another_program_stored_is_served_exactly(
    win32: SimulatedWin32, windows: WindowsFileSystem
) -> None:
    windows.write_whole(f"{TAGS}/v1/current/link", b"sha256:1")
    windows.write_whole(f"{TAGS}/v1./current/link", b"sha256:2")
    windows.write_whole(f"{TAGS}/aux/current/link", b"sha256:3")

    assert windows.read_bytes(f"{TAGS}/v1/current/link", 100) == b"sha256:1"
    assert windows.read_bytes(f"{TAGS}/v1./current/link", 100) == b"sha256:2"
    assert windows.read_bytes(f"{TAGS}/aux/current/link", 100) == b"sha256:3"
    assert sorted(windows.list(TAGS)) == ["aux", "v1", "v1."]


def test_paths_longer_than_max_path_are_ordinary(windows: WindowsFileSystem) -> None:
    path = f"{ROOT}/repositories/{'x' * 200}/_manifests/tags/{'y' * 128}/index/sha512/{'0' * 128}/link"

    windows.write_whole(path, b"sha512:0")

    assert windows.read_bytes(path, 100) == b"sha512:0"


def test_every_path_is_extended(win32: SimulatedWin32, windows: WindowsFileSystem) -> None:
    windows.write_whole(f"{TAGS}/v1/current/link", b"sha256:0")
    windows.list(TAGS)
    windows.remove_tree(f"{TAGS}/v1")

    assert win32.calls
    assert all(call[1].startswith("\\\\?\\C:\\") for call in win32.calls)


def test_every_rename_is_written_through(win32: SimulatedWin32, windows: WindowsFileSystem) -> None:
    windows.write_whole(f"{TAGS}/v1/current/link", b"sha256:0")
    windows.remove(f"{TAGS}/v1/current/link")

    moves = [call for call in win32.calls if call[0] == "move_file"]
    assert len(moves) == 2
    assert all(int(call[3]) & api.MOVEFILE_WRITE_THROUGH for call in moves)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        pytest.param("C:\\data", "\\\\?\\C:\\data", id="plain"),
        pytest.param("C:/data/", "\\\\?\\C:\\data", id="slashes"),
        pytest.param("C:\\data\\..\\x", "\\\\?\\C:\\x", id="dots"),
        pytest.param("\\\\server\\share\\x", "\\\\?\\UNC\\server\\share\\x", id="unc"),
        pytest.param("\\\\?\\C:\\data", "\\\\?\\C:\\data", id="extended already"),
    ],
)
def test_a_root_in_any_form_is_extended(path: str, wanted: str) -> None:
    assert extended(path) == wanted


class Scanner:
    """A program that has every file open for its first so many operations."""

    def __init__(self, times: int, code: int) -> None:
        self.times, self.code = times, code
        self.seen: dict[tuple[str, str], int] = {}

    def __call__(self, call: str, path: str) -> None:
        self.seen[call, path] = self.seen.get((call, path), 0) + 1
        if self.seen[call, path] <= self.times:
            raise Win32Error(self.code, path)


@pytest.mark.parametrize("code", [api.ERROR_SHARING_VIOLATION, api.ERROR_ACCESS_DENIED])
def test_a_virus_scanner_delays_but_does_not_hinder(
    win32: SimulatedWin32, windows: WindowsFileSystem, code: int
) -> None:
    win32.antivirus = Scanner(3, code)

    windows.write_whole(f"{TAGS}/v1/current/link", b"sha256:0")
    windows.write_whole(f"{TAGS}/v1/current/link", b"sha256:1")

    assert windows.read_bytes(f"{TAGS}/v1/current/link", 100) == b"sha256:1"
    windows.remove_tree(f"{TAGS}/v1")
    assert windows.stat(f"{TAGS}/v1") is None


def test_a_file_that_stays_open_elsewhere_is_an_error_in_the_end(
    win32: SimulatedWin32, windows: WindowsFileSystem
) -> None:
    windows.write_whole(f"{TAGS}/v1/current/link", b"sha256:0")
    delays: list[float] = []
    patient = WindowsFileSystem(ROOT, win32, sleep=delays.append)
    path = extended(f"{TAGS}/v1/current/link")
    fd = win32.open_file(path, api.GENERIC_READ, READ_ONLY_SHARE, api.OPEN_EXISTING)

    for action in (
        lambda: patient.write_whole(f"{TAGS}/v1/current/link", b"sha256:1"),
        lambda: patient.remove(f"{TAGS}/v1/current/link"),
        lambda: patient.remove_tree(f"{TAGS}/v1"),
    ):
        with pytest.raises(PermissionError):
            action()

    assert 0.5 < sum(delays) / 3 < 10
    win32.close_file(fd)
    assert windows.read_bytes(f"{TAGS}/v1/current/link", 100) == b"sha256:0"
    assert windows.list(windows.staging) == []


def test_a_tree_in_which_someone_reads_is_removed_bit_by_bit(windows: WindowsFileSystem) -> None:
    windows.write_whole(f"{TAGS}/v1/current/link", b"sha256:0")
    windows.write_whole(f"{TAGS}/v1/index/sha256/0/link", b"sha256:0")

    with windows.open_read(f"{TAGS}/v1/index/sha256/0/link") as reader:
        windows.remove_tree(f"{TAGS}/v1")

        assert windows.stat(f"{TAGS}/v1") is None
        assert reader.read() == b"sha256:0"
    windows.discard_leftovers(older_than=0)
    assert windows.list(windows.staging) == []


def test_a_collision_that_comes_in_between_is_seen(win32: SimulatedWin32, windows: WindowsFileSystem) -> None:
    """Two pushes passed `check_entry`; one has made its directory, the other finds out at its own."""
    windows.make_directory(TAGS)

    def the_other(call: str, path: str) -> None:
        if call == "create_directory" and path.endswith("latest"):
            win32.antivirus = lambda *_call: None
            windows.write_whole(f"{TAGS}/Latest/current/link", b"sha256:0")

    win32.antivirus = the_other

    with pytest.raises(NameNotStorable):
        windows.write_whole(f"{TAGS}/latest/current/link", b"sha256:1")

    assert windows.list(TAGS) == ["Latest"]
    assert windows.list(windows.staging) == []


def test_a_created_file_in_a_directory_of_another_spelling_is_taken_back(
    win32: SimulatedWin32, windows: WindowsFileSystem
) -> None:
    windows.make_directory(f"{TAGS}/latest")

    def the_other(call: str, path: str) -> None:
        if call == "open_file" and path.endswith("new"):
            win32.antivirus = lambda *_call: None
            windows.remove_tree(f"{TAGS}/latest")
            windows.make_directory(f"{TAGS}/Latest")

    win32.antivirus = the_other

    with pytest.raises(NameNotStorable):
        windows.create(f"{TAGS}/latest/new")

    assert windows.list(f"{TAGS}/Latest") == []


@pytest.mark.parametrize("seed", range(20))
def test_random_sharing_violations_lose_nothing(
    win32: SimulatedWin32, windows: WindowsFileSystem, seed: int
) -> None:
    random = Random(seed)

    def busy(_call: str, path: str) -> None:
        if random.random() < 0.3:
            raise Win32Error(random.choice([api.ERROR_SHARING_VIOLATION, api.ERROR_ACCESS_DENIED]), path)

    win32.antivirus = busy
    wanted: dict[str, bytes] = {}

    for turn in range(60):
        path = f"{TAGS}/t{random.randrange(8)}/current/link"
        if random.random() < 0.3:
            windows.remove(path, missing_ok=True)
            wanted.pop(path, None)
        else:
            wanted[path] = b"sha256:%d" % turn
            windows.write_whole(path, wanted[path])

    win32.antivirus = lambda *_call: None
    found = {
        path: windows.read_bytes(path, 100)
        for number in range(8)
        if windows.stat(path := f"{TAGS}/t{number}/current/link")
    }
    assert found == wanted
    windows.discard_leftovers(older_than=0)
    assert windows.list(windows.staging) == []


@pytest.mark.parametrize(
    ("call", "code"),
    [
        pytest.param(lambda w: w.information("C:\\x\\" + "y" * 260), 206, id="MAX_PATH without the prefix"),
        pytest.param(lambda w: w.information("C:\\x\\aux"), api.ERROR_DIRECTORY, id="a device"),
        pytest.param(lambda w: w.information("\\\\?\\C:\\x/y"), api.ERROR_INVALID_NAME, id="a slash"),
        pytest.param(
            lambda w: w.open_file("\\\\?\\C:\\x", api.GENERIC_READ, 7, api.OPEN_EXISTING),
            api.ERROR_ACCESS_DENIED,
            id="a directory as a file",
        ),
    ],
)
def test_the_simulation_refuses_as_windows_does(
    win32: SimulatedWin32, call: Callable[[SimulatedWin32], object], code: int
) -> None:
    win32.create_directory("\\\\?\\C:\\x")

    with pytest.raises(Win32Error) as caught:
        call(win32)

    assert caught.value.code == code


def test_the_simulation_drops_dots_without_the_prefix(win32: SimulatedWin32) -> None:
    win32.create_directory("C:\\v1.")

    assert win32.list_directory("\\\\?\\C:") == ["v1"]


def test_the_simulation_keeps_the_name_of_a_deleted_open_file(win32: SimulatedWin32) -> None:
    path = "\\\\?\\C:\\file"
    win32.close_file(win32.open_file(path, api.GENERIC_WRITE, 0, api.CREATE_NEW))
    fd = win32.open_file(path, api.GENERIC_READ, 7, api.OPEN_EXISTING)

    win32.delete_file(path)

    assert win32.list_directory("\\\\?\\C:") == ["file"]
    with pytest.raises(Win32Error):
        win32.open_file(path, api.GENERIC_WRITE, 7, api.CREATE_NEW)
    win32.close_file(fd)
    assert win32.list_directory("\\\\?\\C:") == []
