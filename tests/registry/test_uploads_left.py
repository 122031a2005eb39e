"""A client that leaves at the worst moment leaves no open file behind."""

import asyncio
import threading
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from registry_app.routes import service as service_module
from registry_app.routes import uploads
from registry_app.routes.addresses import Address, Resource
from registry_app.routes.service import Service
from registry_app.storage.blocking import WouldBlock, may_block
from registry_app.storage.posix import PosixFileSystem
from registry_app.storage.uploads import UploadWriter
from tests.registry.pushes import REPOSITORY, registry_on
from tests.registry.transport_lab import DEADLINE


def test_a_client_that_leaves_while_its_upload_is_opened_leaves_it_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = registry_on(PosixFileSystem(str(tmp_path)))
    upload_id = registry.start_upload(REPOSITORY, "sha256")
    begun, may_go_on = threading.Event(), threading.Event()
    opened: list[UploadWriter] = []
    closed: list[UploadWriter] = []
    open_upload, close_upload = registry.uploads.open, registry.uploads.close

    def open_slowly(*of: Any) -> UploadWriter:  # noqa: ANN401 - what the real one takes
        if not may_block():
            # As where another program has the file on Windows: a thread is asked to wait for it.
            raise WouldBlock
        begun.set()
        assert may_go_on.wait(DEADLINE)
        opened.append(open_upload(*of))
        return opened[0]

    def close(of: str, writer: UploadWriter) -> None:
        closed.append(writer)
        close_upload(of, writer)

    async def leave_early() -> None:
        service = Service(registry)
        request = cast("Any", SimpleNamespace(headers={"content-length": "7"}))
        address = Address(Resource.UPLOAD, REPOSITORY, upload_id)
        handler = asyncio.ensure_future(uploads.push_chunk(service, request, address))
        assert await asyncio.to_thread(begun.wait, DEADLINE)
        handler.cancel()
        may_go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await handler
        service.close()

    monkeypatch.setattr(service_module, "server_at_work", lambda _request: nullcontext())
    monkeypatch.setattr(registry.uploads, "open", open_slowly)
    monkeypatch.setattr(registry.uploads, "close", close)

    asyncio.run(leave_early())

    assert len(opened) == 1
    assert closed == opened
