"""One registry for all tests of a module that do not ask for their own, and a way to get one's own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from .servers import RunningRegistry, our_registry, reference_registry


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """A registry with default settings, shared by a module: tests use repositories of their own."""
    directory = tmp_path_factory.mktemp("registry")
    with our_registry(directory / "root", directory / "log") as running:
        yield running


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RunningRegistry]]:
    """Start our registry over ``tmp_path/root``, as often as one likes; settings by name."""
    with ExitStack() as stack:

        def start_one(**settings: str) -> RunningRegistry:
            return stack.enter_context(our_registry(tmp_path / "root", tmp_path / "log", **settings))

        yield start_one


@pytest.fixture
def start_reference(tmp_path: Path) -> Iterator[Callable[[], RunningRegistry]]:
    """Start Debian's reference registry over the same directory as `start` does."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(reference_registry(tmp_path / "root", tmp_path / "reference-log"))


@pytest.fixture
def repository(request: pytest.FixtureRequest) -> str:
    """A repository that no other test uses."""
    name = request.node.name.lower()
    return "tests/" + "".join(letter if letter.isalnum() else "-" for letter in name).strip("-").replace(
        "--", "-"
    )
