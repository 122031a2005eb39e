"""Uploads: ``/v2/<name>/blobs/uploads/`` and ``…/uploads/<id>``.

OCI spec, "Pushing blobs": in one request, POST then PUT, in chunks or streamed, mounted from another
repository, status and cancellation.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sanic import Request
from sanic.response import HTTPResponse

from registry_app.errors import DigestInvalid, DiskFull, RangeInvalid, SizeInvalid
from registry_app.headers import chunk_span
from registry_app.reference import ALGORITHMS, Digest, Repository
from registry_app.routes.addresses import Address
from registry_app.routes.answers import Header, answer
from registry_app.routes.manifests import location
from registry_app.routes.service import Query, Service, permit_of
from registry_app.storage.space import FULL
from registry_app.storage.uploads import UploadWriter
from registry_app.transport import BodyMalformed, BodyTooLarge, receive


async def start_upload(service: Service, request: Request, address: Address) -> HTTPResponse:
    """Answer POST: mount a blob, take a whole one, or begin an upload."""
    service.require_writable()
    query, repository, registry = Query(request), address.repository, service.registry
    if (text := query.one("mount")) is not None:
        mounted = Digest.parse(text)
        source = query.one("from")
        # What is no name is the name of nothing. And who may not pull there is answered like one who names a
        # blob that is not there: with an upload. OCI spec, "Mounting a blob from another repository".
        origin = None if source is None else Repository.read(source)
        allowed = permit_of(request).mounts_from(source) and (source is None or origin is not None)
        if allowed and await service.run(request, registry.mount, repository, mounted, origin):
            return _created(service, repository, mounted)
    if (text := query.one("digest")) is not None:
        return await _push_whole(service, request, repository, Digest.parse(text))
    algorithm = query.one("digest-algorithm") or ALGORITHMS[0]
    if algorithm not in ALGORITHMS:
        # OCI spec, end-4c: the client learns before it sends anything.
        raise DigestInvalid(f"unknown digest algorithm; this registry knows {', '.join(ALGORITHMS)}")
    upload_id = await service.run(request, registry.start_upload, repository, algorithm)
    return answer(202, _progress(service, repository, upload_id, 0))


async def _push_whole(
    service: Service, request: Request, repository: Repository, digest: Digest
) -> HTTPResponse:
    """Take a blob in the request that announces it; what cannot be finished leaves nothing."""
    registry = service.registry
    upload_id = await service.run(request, registry.start_upload, repository, digest.algorithm)
    try:
        async with _writer(service, request, repository, upload_id) as writer:
            await _take_body(service, request, writer)
            await service.run(request, writer.flush)
        await service.run(request, registry.finish_upload, repository, upload_id, digest)
    except BaseException:
        await service.run(request, registry.uploads.discard, repository, upload_id)
        raise
    return _created(service, repository, digest)


async def upload_status(service: Service, request: Request, address: Address) -> HTTPResponse:
    """Answer GET and HEAD: how much has come, and where to go on."""
    size = await service.run(request, service.registry.uploads.size, address.repository, address.last)
    return answer(204, _progress(service, address.repository, address.last, size))


async def push_chunk(service: Service, request: Request, address: Address) -> HTTPResponse:
    """Answer PATCH: append a chunk, or a stream of unknown length.

    If the client goes away, what has come is kept: it can ask for the status and go on from there.
    """
    service.require_writable()
    async with (
        service.turn(address.repository, address.last),
        _writer(service, request, address.repository, address.last) as writer,
    ):
        await _take_body(service, request, writer)
        size = writer.size
    return answer(202, _progress(service, address.repository, address.last, size))


async def finish_upload(service: Service, request: Request, address: Address) -> HTTPResponse:
    """Answer PUT: append what the body holds, verify all of it, and make it a blob."""
    service.require_writable()
    text = Query(request).one("digest")
    if text is None:
        raise DigestInvalid("the parameter digest is missing")
    digest, repository, registry = Digest.parse(text), address.repository, service.registry
    async with service.turn(repository, address.last):
        if _has_nothing(request):
            # The usual case: everything came before. One way to a thread and back instead of four.
            await service.run(request, registry.finish_whole_upload, repository, address.last, digest)
            return _created(service, repository, digest)
        async with _writer(service, request, repository, address.last, digest.algorithm) as writer:
            await _take_body(service, request, writer)
            await service.run(request, writer.flush)
        await service.run(request, registry.finish_upload, repository, address.last, digest)
    return _created(service, repository, digest)


async def cancel_upload(service: Service, request: Request, address: Address) -> HTTPResponse:
    """Answer DELETE: forget the upload and what has come of it."""
    service.require_writable()
    uploads = service.registry.uploads
    async with service.turn(address.repository, address.last):
        await service.run(request, uploads.size, address.repository, address.last)
        await service.run(request, uploads.discard, address.repository, address.last)
    return answer(204)


@asynccontextmanager
async def _writer(
    service: Service, request: Request, repository: Repository, upload_id: str, algorithm: str | None = None
) -> AsyncIterator[UploadWriter]:
    """Open an upload to append to it, and close it whatever happens."""
    uploads = service.registry.uploads
    opened: list[UploadWriter] = []
    try:
        # Not by its return value: a client that leaves while a thread opens the file must not leave it open.
        await service.at_once(request, lambda: opened.append(uploads.open(repository, upload_id, algorithm)))
        yield opened[0]
    finally:
        for writer in opened:
            await service.at_once(request, uploads.close, upload_id, writer)


async def _take_body(service: Service, request: Request, writer: UploadWriter) -> None:
    """Append the request's body; a body that is not what its headers say is dropped."""
    claimed = request.headers.get("content-range")
    span = chunk_span(claimed) if claimed is not None else None
    if span is not None and span.start != writer.start:
        raise RangeInvalid(
            f"the chunk begins at {span.start}, the upload goes on at {writer.start}",
            headers=[("Range", _range(writer.start))],
        )
    length = _content_length(request)
    if span is not None and length not in (None, span.length):
        raise SizeInvalid("Content-Length and Content-Range contradict each other")
    await service.at_once(request, service.registry.space.require, length or 0)
    try:
        received = await receive(
            request,
            writer.write,
            writer.hash,
            limit=span.length if span else None,
            idle_timeout=service.settings.idle_timeout,
        )
    except (BodyMalformed, BodyTooLarge, DiskFull):
        await service.run(request, writer.forget_written)
        raise
    except OSError as error:
        # What filled the disk must not keep it full until the upload is purged.
        if error.errno in FULL:
            await service.run(request, writer.forget_written)
        raise
    if span is not None and received != span.length:
        await service.run(request, writer.forget_written)
        raise SizeInvalid


def _has_nothing(request: Request) -> bool:
    """Return whether a request brings no body, and claims none."""
    headers = request.headers
    return _content_length(request) in (None, 0) and not {"transfer-encoding", "content-range"} & set(headers)


def _content_length(request: Request) -> int | None:
    """Return what the request says its body has; None if it does not say."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _created(service: Service, repository: Repository, digest: Digest) -> HTTPResponse:
    headers = [
        ("Location", f"{location(service)}/{repository}/blobs/{digest}"),
        ("Docker-Content-Digest", str(digest)),
    ]
    return answer(201, headers)


def _progress(service: Service, repository: Repository, upload_id: str, size: int) -> list[Header]:
    return [
        ("Location", f"{location(service)}/{repository}/blobs/uploads/{upload_id}"),
        ("Range", _range(size)),
        ("Docker-Upload-UUID", upload_id),
    ]


def _range(size: int) -> str:
    """Return what has come as the specification writes it: ``0-<last>``, and ``0-0`` for nothing as well."""
    return f"0-{max(size - 1, 0)}"
