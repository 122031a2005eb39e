"""The order of repositories: that of their names, from any name on, however they lie in each other."""

import os
import time
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_app.storage.filesystem import FileSystem, Stat
from registry_app.storage.layout import Layout
from registry_app.storage.posix import PosixFileSystem
from registry_app.storage.walk import Listings, walk

COMPONENTS = st.sampled_from(["a", "a-b", "a.b", "a0", "a_b", "b", "ab", "_layers", "Not-a-name"])
NAMES = st.lists(COMPONENTS, min_size=1, max_size=4).map("/".join)


class Tree(PosixFileSystem):
    """Directories that exist by name only, and count how often they are listed."""

    def __init__(self, names: set[str]) -> None:
        super().__init__("/tree")
        self._paths = {part for name in names for part in _parents(name)}
        self._base = Layout(self.root).repositories
        self.listed: list[str] = []

    def stat(self, path: str) -> Stat | None:
        return Stat(0, 1, (1, hash(path)), is_dir=True)

    def list(self, path: str) -> list[str]:
        self.listed.append(path)
        below = path.removeprefix(self._base).strip("/")
        parts = (name.removeprefix(f"{below}/" if below else "") for name in self._paths if name != below)
        return sorted({part for part in parts if "/" not in part and _join(below, part) in self._paths})


def _parents(name: str) -> set[str]:
    parts = name.split("/")
    return {"/".join(parts[:length]) for length in range(1, len(parts) + 1)}


def _join(below: str, name: str) -> str:
    return f"{below}/{name}" if below else name


def _valid(names: set[str]) -> list[str]:
    """Every name that can be a repository's, in order: none has a component that cannot."""
    everything = {part for name in names for part in _parents(name)}
    return sorted(name for name in everything if not {"_layers", "Not-a-name"} & set(name.split("/")))


@given(st.sets(NAMES, max_size=12), NAMES | st.just("") | st.text("ab/-", max_size=5))
def test_a_walk_is_the_sorted_list_after_any_name(names: set[str], last: str) -> None:
    tree = Tree(names)

    found = [repository.name for repository in walk(tree, Layout(tree.root), Listings(), last)]

    assert found == [name for name in _valid(names) if name > last]


def test_a_page_looks_only_at_what_it_passes() -> None:
    tree = Tree({f"r{number:04}" for number in range(2000)})
    listings, layout = Listings(), Layout(tree.root)
    assert len(list(islice(walk(tree, layout, listings), 10))) == 10
    tree.listed.clear()

    page = [repository.name for repository in islice(walk(tree, layout, listings, "r1000"), 10)]

    assert page == [f"r{number}" for number in range(1001, 1011)]
    assert len(tree.listed) <= 10


@pytest.fixture
def disk(tmp_path: Path) -> FileSystem:
    return PosixFileSystem(str(tmp_path))


def test_a_directory_that_changes_is_listed_again(disk: FileSystem, tmp_path: Path) -> None:
    layout, listings = Layout(disk.root), Listings()
    for name in ("one", "two"):
        os.makedirs(f"{layout.repositories}/{name}")
    # A directory that has just changed may change again without showing it.
    time.sleep(0.15)

    def names() -> list[str]:
        return [repository.name for repository in walk(disk, layout, listings)]

    assert names() == names() == ["one", "two"]
    os.rmdir(f"{layout.repositories}/one")
    os.makedirs(f"{layout.repositories}/two/inside")

    assert names() == ["two", "two/inside"]
