"""What every platform's file system object promises."""

import errno
import os
import threading
from pathlib import Path

import pytest

from registry_app.storage import posix
from registry_app.storage.filesystem import FileSystem, FileTooLarge, NameNotStorable, WritableFile
from registry_app.storage.posix import PosixFileSystem


def test_a_written_file_is_there_whole(fs: FileSystem) -> None:
    path = f"{fs.root}/docker/registry/v2/link"

    fs.write_whole(path, b"sha256:0")

    assert fs.read_bytes(path, 100) == b"sha256:0"
    found = fs.stat(path)
    assert found is not None
    assert (found.size, found.is_dir) == (8, False)
    assert fs.list(fs.staging) == []


def test_an_absent_file_has_no_stat_and_cannot_be_read(fs: FileSystem) -> None:
    fs.write_whole(f"{fs.root}/file", b"")

    assert fs.stat(f"{fs.root}/other") is None
    assert fs.stat(f"{fs.root}/no/such/directory") is None
    assert fs.stat(f"{fs.root}/file/below") is None
    with pytest.raises(FileNotFoundError):
        fs.read_bytes(f"{fs.root}/other", 10)
    with pytest.raises(FileNotFoundError):
        fs.open_read(f"{fs.root}/other")
    with pytest.raises(FileNotFoundError):
        fs.open_append(f"{fs.root}/other")


def test_a_file_larger_than_its_reader_allows_is_refused(fs: FileSystem) -> None:
    fs.write_whole(f"{fs.root}/file", b"12345")

    assert fs.read_bytes(f"{fs.root}/file", 5) == b"12345"
    with pytest.raises(FileTooLarge):
        fs.read_bytes(f"{fs.root}/file", 4)


def test_replacing_changes_the_identity(fs: FileSystem) -> None:
    fs.write_whole(f"{fs.root}/file", b"old")
    before = fs.stat(f"{fs.root}/file")

    fs.write_whole(f"{fs.root}/file", b"new")

    after = fs.stat(f"{fs.root}/file")
    assert before is not None
    assert after is not None
    assert before.identity != after.identity
    assert fs.read_bytes(f"{fs.root}/file", 10) == b"new"


def test_a_file_grows_shrinks_and_is_moved(fs: FileSystem) -> None:
    path = f"{fs.root}/uploads/1/data"
    with fs.create(path) as file:
        assert file.write([b"ab", memoryview(b"cd"), b"", bytearray(b"e")]) == 5
    with fs.open_append(path) as file:
        assert file.size == 5
        file.write([b"fg"])
        file.truncate(6)
        file.write([b"!"])
        assert file.tell() == 7
        file.flush()

    fs.replace(path, f"{fs.root}/blobs/x/data")

    assert fs.stat(path) is None
    with fs.open_read(f"{fs.root}/blobs/x/data") as reader:
        assert reader.read() == b"abcdef!"


def test_thousands_of_buffers_are_one_write(fs: FileSystem) -> None:
    pieces = [bytes([number % 251]) * (number % 7) for number in range(5000)]

    with fs.create(f"{fs.root}/file") as file:
        file.write(pieces)

    with fs.open_read(f"{fs.root}/file") as reader:
        assert reader.read() == b"".join(pieces)


def test_what_is_written_past_the_object_is_found_by_resync(fs: FileSystem) -> None:
    with fs.create(f"{fs.root}/file") as file:
        os.write(file.fileno(), b"123")

        assert file.resync() == 3
        file.write([b"4"])

    assert fs.read_bytes(f"{fs.root}/file", 10) == b"1234"


def test_a_refused_write_leaves_what_was_there(fs: FileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    def torn(file: WritableFile, _buffers: list[memoryview]) -> int:
        os.write(file.fileno(), b"half of")
        raise OSError(errno.ENOSPC, "no space")

    with fs.create(f"{fs.root}/file") as file:
        file.write([b"before"])
        monkeypatch.setattr(type(file), "_append", torn)

        with pytest.raises(OSError, match="no space"):
            file.write([b"half of it"])

        assert file.size == 6
    assert fs.read_bytes(f"{fs.root}/file", 100) == b"before"


def test_write_whole_leaves_no_trace_of_an_error(fs: FileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    fs.write_whole(f"{fs.root}/file", b"old")

    def refuse(_source: str, _target: str) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(fs, "replace", refuse)
    with pytest.raises(OSError, match="broken"):
        fs.write_whole(f"{fs.root}/file", b"new")

    assert fs.read_bytes(f"{fs.root}/file", 10) == b"old"
    assert fs.list(fs.staging) == []


def test_creating_what_is_there_fails(fs: FileSystem) -> None:
    fs.write_whole(f"{fs.root}/file", b"")

    with pytest.raises(FileExistsError):
        fs.create(f"{fs.root}/file")


def test_listing_names_what_is_there(fs: FileSystem) -> None:
    fs.write_whole(f"{fs.root}/tags/v1/link", b"")
    fs.write_whole(f"{fs.root}/tags/Latest/link", b"")

    assert sorted(fs.list(f"{fs.root}/tags")) == ["Latest", "v1"]
    assert fs.list(f"{fs.root}/nothing") == []
    assert fs.list(f"{fs.root}/tags/v1/link") == []


def test_removing_is_done_once(fs: FileSystem) -> None:
    fs.write_whole(f"{fs.root}/file", b"")

    fs.remove(f"{fs.root}/file")

    assert fs.stat(f"{fs.root}/file") is None
    fs.remove(f"{fs.root}/file", missing_ok=True)
    with pytest.raises(FileNotFoundError):
        fs.remove(f"{fs.root}/file")
    assert fs.list(fs.staging) == []


def test_a_removed_tree_is_gone_with_all_below_it(fs: FileSystem) -> None:
    fs.write_whole(f"{fs.root}/tags/v1/current/link", b"")
    fs.write_whole(f"{fs.root}/tags/v1/index/link", b"")

    fs.remove_tree(f"{fs.root}/tags/v1")

    assert fs.list(f"{fs.root}/tags") == []
    assert fs.list(fs.staging) == []
    fs.remove_tree(f"{fs.root}/tags/v1")


def test_a_file_can_be_removed_and_made_anew_while_it_is_read(fs: FileSystem) -> None:
    path = f"{fs.root}/blob"
    fs.write_whole(path, b"old")

    with fs.open_read(path) as reader:
        fs.remove(path)
        assert fs.stat(path) is None
        fs.write_whole(path, b"new")
        assert reader.read() == b"old"

    assert fs.read_bytes(path, 10) == b"new"
    fs.discard_leftovers(older_than=0)
    assert fs.list(fs.staging) == []


def test_only_an_empty_directory_is_removed(fs: FileSystem) -> None:
    fs.write_whole(f"{fs.root}/a/b/file", b"")

    assert not fs.remove_empty(f"{fs.root}/a/b")
    fs.remove(f"{fs.root}/a/b/file")
    assert fs.remove_empty(f"{fs.root}/a/b")
    assert fs.remove_empty(f"{fs.root}/a/b")
    assert fs.stat(f"{fs.root}/a/b") is None


def test_leftovers_go_when_they_are_old_enough(fs: FileSystem) -> None:
    fs.create(f"{fs.staging}/1").close()
    fs.write_whole(f"{fs.staging}/2/below/file", b"")

    assert fs.discard_leftovers(older_than=3600) == 0
    assert fs.discard_leftovers(older_than=0) == 2
    assert fs.list(fs.staging) == []


def test_free_space_is_that_of_the_volume(fs: FileSystem) -> None:
    fs.make_directory(fs.root)

    assert fs.free_bytes(fs.root) > 0


@pytest.mark.parametrize("name", ["", ".", "..", "x" * 256])
def test_what_no_disk_can_hold_is_refused(fs: FileSystem, name: str) -> None:
    with pytest.raises(NameNotStorable):
        fs.check_component(name, "tag")


def test_many_threads_may_make_the_same_parents(fs: FileSystem) -> None:
    errors: list[OSError] = []

    def write(number: int) -> None:
        try:
            for turn in range(10):
                fs.write_whole(f"{fs.root}/{turn}/a/b/c/{number}", b"x")
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert all(len(fs.list(f"{fs.root}/{turn}/a/b/c")) == 4 for turn in range(10))


def test_preparing_makes_the_root_and_may_be_done_again(fs: FileSystem) -> None:
    fs.prepare()
    fs.prepare()

    found = fs.stat(fs.root)
    assert found is not None
    assert found.is_dir


def test_a_disk_that_folds_case_below_linux_rules_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Folding:
        """The module ``os`` on a Windows drive under WSL."""

        def __getattr__(self, name: str) -> object:
            return getattr(os, name)

        def stat(self, path: str) -> os.stat_result:
            directory, name = os.path.split(path)
            names = os.listdir(directory)
            return os.stat(f"{directory}/{next((one for one in names if one.lower() == name.lower()), name)}")

    fs = PosixFileSystem(str(tmp_path))
    fs.prepare()
    monkeypatch.setattr(posix, "os", Folding())

    with pytest.raises(OSError, match="upper from lower case"):
        fs.prepare()
