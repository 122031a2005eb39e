"""What may be kept waiting by a disk: threads may; the event loop, on which everybody waits, may not."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import pytest
from multidict import CIMultiDict

from registry_app.reference import Digest, Tag
from registry_app.registry import READ_AT_ONCE, Registry
from registry_app.routes import blobs, manifests
from registry_app.routes import service as service_module
from registry_app.routes.addresses import Address, Resource
from registry_app.routes.service import Service
from registry_app.settings import Settings
from registry_app.storage import win32 as api
from registry_app.storage.blocking import WouldBlock, without_blocking
from registry_app.storage.evidence import Evidence
from registry_app.storage.win32 import FileInformation, Win32Error
from registry_app.storage.windows import WindowsFileSystem
from tests.registry.pushes import REPOSITORY, image, push_blob, push_image
from tests.registry.win32.conftest import ROOT
from tests.registry.win32.simulated import SimulatedWin32

LAYER = b"layer"
Handler = Callable[[Service, Any, Address], Awaitable[Any]]


class Scanner:
    """Is in the way of everything until it was waited for once."""

    def __init__(self) -> None:
        self.on = False
        self.waited: list[threading.Thread] = []

    def __call__(self, _call: str, path: str) -> None:
        if self.on:
            raise Win32Error(api.ERROR_SHARING_VIOLATION, path)

    def sleep(self, _seconds: float) -> None:
        self.waited.append(threading.current_thread())
        self.on = False


@pytest.fixture
def scanner(win32: SimulatedWin32, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scanner]:
    scanner = Scanner()
    win32.antivirus = scanner
    information = win32.information

    def look(path: str) -> FileInformation:
        # Looking conflicts with nobody, but a file about to vanish cannot be opened even for that.
        scanner("information", path)
        return information(path)

    monkeypatch.setattr(win32, "information", look)
    yield scanner
    scanner.on = False


@pytest.fixture
def registry(win32: SimulatedWin32, scanner: Scanner) -> Registry:
    fs = WindowsFileSystem(ROOT, win32, sleep=scanner.sleep)
    fs.make_directory(fs.root)
    registry = Registry(Settings(root="/unused", reserve=0), fs)
    push_image(registry, "v1", LAYER)
    return registry


@pytest.fixture(autouse=True)
def no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "server_at_work", lambda _request: nullcontext())


def head(registry: Registry, handler: Handler, resource: Resource, last: str) -> int:
    """Ask for something, as a request on an event loop does; return the status."""
    request = SimpleNamespace(method="HEAD", headers=CIMultiDict[str](), query_string="", ctx=None)

    async def ask() -> int:
        service = Service(registry, remembers=True)
        response = await handler(service, request, Address(resource, REPOSITORY, last))
        service.close()
        return cast("int", response.status)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("handler", "resource", "last"),
    [
        (manifests.pull_manifest, Resource.MANIFEST, "v1"),
        (blobs.pull_blob, Resource.BLOB, str(Digest.of(LAYER))),
    ],
)
def test_a_thread_waits_for_a_virus_scanner_at_a_pull(
    registry: Registry, scanner: Scanner, handler: Handler, resource: Resource, last: str
) -> None:
    scanner.on = True

    assert head(registry, handler, resource, last) == 200
    assert len(scanner.waited) == 1
    assert scanner.waited[0] is not threading.main_thread()


def test_the_file_of_a_blob_is_opened_by_a_thread_if_that_takes_waiting(
    registry: Registry, scanner: Scanner
) -> None:
    async def open_it() -> bytes:
        service = Service(registry)
        scanner.on = True
        file = await service.at_once(cast("Any", None), registry.open_blob, Digest.of(LAYER))
        service.close()
        with file:
            return file.read()

    assert asyncio.run(open_it()) == LAYER
    assert threading.main_thread() not in scanner.waited


def test_what_is_remembered_is_asked_anew_rather_than_waited_for(
    registry: Registry, scanner: Scanner
) -> None:
    path = registry.layout.tag_current(REPOSITORY, Tag("v1"))
    evidence = Evidence(registry.fs, {path: registry.fs.stat(path)})
    assert evidence()

    scanner.on = True

    assert not evidence()
    assert scanner.waited == []


def test_only_the_code_inside_is_hurried(registry: Registry, scanner: Scanner) -> None:
    path = registry.layout.tag_current(REPOSITORY, Tag("v1"))
    scanner.on = True
    with without_blocking(), pytest.raises(WouldBlock):
        registry.fs.stat(path)

    assert registry.fs.stat(path) is not None
    assert scanner.waited == [threading.main_thread()]


@pytest.mark.parametrize("size", [1000, READ_AT_ONCE + 1])
def test_a_thread_reads_a_large_manifest(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    layer = b"another layer"
    push_blob(registry, layer)
    content = image(layer) + b" " * size
    digest = registry.put_manifest(REPOSITORY, Tag("large"), content, None).digest
    read, readers = registry.blobs.read, []

    def note(*of: Any) -> bytes:  # noqa: ANN401 - what the real one takes
        readers.append(threading.current_thread() is threading.main_thread())
        return read(*of)

    monkeypatch.setattr(registry.blobs, "read", note)

    for last in ("large", str(digest)):
        assert head(registry, manifests.pull_manifest, Resource.MANIFEST, last) == 200
    assert readers == [size < READ_AT_ONCE] * 2
