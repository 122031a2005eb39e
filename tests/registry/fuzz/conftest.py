"""A registry in a cage: whatever appears beside its root is an escape."""

from collections.abc import Iterator

import pytest

from tests.registry.fuzz.wire import require_unharmed
from tests.registry.servers import RunningRegistry, our_registry


@pytest.fixture(scope="module")
def caged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """One registry for a module's tests."""
    cage = tmp_path_factory.mktemp("cage")
    with our_registry(cage / "root", cage / "log", HTTP_LIMITS_IDLE="5s") as running:
        yield running


@pytest.fixture
def registry(caged: RunningRegistry) -> Iterator[RunningRegistry]:
    """The registry, which must be unharmed after the test."""
    yield caged
    require_unharmed(caged)
