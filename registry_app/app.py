"""The Sanic application: one catch-all route, one error handler, and what happens in the background."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from itertools import count

from sanic import Request
from sanic.exceptions import MethodNotAllowed, NotFound, SanicException
from sanic.response import HTTPResponse

from registry_app import errors
from registry_app.registry import Registry
from registry_app.routes import blobs, lists, manifests, uploads
from registry_app.routes.addresses import Address, Resource, read_address
from registry_app.routes.answers import JSON, answer, answer_error
from registry_app.routes.gate import open_gate
from registry_app.routes.service import Service
from registry_app.routes.tokens import issue_token
from registry_app.settings import Settings
from registry_app.storage.filesystem import FileSystem, FileTooLarge, NameNotStorable
from registry_app.storage.shared import Shared
from registry_app.storage.space import FULL
from registry_app.transport import Application, BodyError, BodyStalled

log = logging.getLogger("registry")

Handler = Callable[[Service, Request, Address], Awaitable[HTTPResponse | None]]

HANDLERS: dict[Resource, dict[str, Handler]] = {
    Resource.BASE: {"GET": lists.base, "HEAD": lists.base},
    Resource.CATALOG: {"GET": lists.list_repositories, "HEAD": lists.list_repositories},
    Resource.TAGS: {"GET": lists.list_tags, "HEAD": lists.list_tags},
    Resource.BLOB: {"GET": blobs.pull_blob, "HEAD": blobs.pull_blob, "DELETE": blobs.delete_blob},
    Resource.UPLOADS: {"POST": uploads.start_upload},
    Resource.UPLOAD: {
        "GET": uploads.upload_status,
        "HEAD": uploads.upload_status,
        "PATCH": uploads.push_chunk,
        "PUT": uploads.finish_upload,
        "DELETE": uploads.cancel_upload,
    },
    Resource.MANIFEST: {
        "GET": manifests.pull_manifest,
        "HEAD": manifests.pull_manifest,
        "PUT": manifests.push_manifest,
        "DELETE": manifests.delete_manifest,
    },
    Resource.REFERRERS: {"GET": manifests.list_referrers, "HEAD": manifests.list_referrers},
}

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

LEFTOVERS_AGE = 3600.0
"""Seconds after which what lies in the staging directory belongs to nobody who is still at work."""

_NUMBERS = count(1)


def create_app(
    settings: Settings,
    fs: FileSystem,
    *,
    shared: Shared | None = None,
    token_key: bytes | None = None,
    tidies: bool = True,
) -> Application:
    """Return the application that serves the store on ``fs``; raise OSError if its root cannot be made.

    ``shared`` and ``token_key`` are what several processes have in common, one of which ``tidies`` for all.
    """
    fs.prepare()
    gate = open_gate(settings, token_key)
    service = Service(Registry(settings, fs, shared), remembers=gate is None)
    # Sanic keeps all applications of a process by name; several registries in one process are tests'
    # business.
    app = Application(f"registry-{next(_NUMBERS)}", configure_logging=False)
    app.config.update(_config(settings))

    async def serve(request: Request, path: str = "") -> HTTPResponse | None:  # noqa: ARG001
        if gate is not None and gate.identity is not None and request.path == f"{settings.prefix}token":
            return await issue_token(gate, gate.identity, request)
        address = read_address(request.path, settings.prefix)
        handlers = HANDLERS[address.resource]
        handler = handlers.get(request.method)
        if handler is None:
            raise errors.Unsupported(headers=[("Allow", ", ".join(handlers))])
        if gate is None:
            return await handler(service, request, address)
        return await gate.serve(handler, service, request, address)

    app.add_route(serve, "/", methods=METHODS, stream=True, name="root")
    app.add_route(serve, "/<path:path>", methods=METHODS, stream=True, name="any")
    app.error_handler.add(Exception, _on_error)

    if tidies:
        app.register_listener(partial(_start_tidying, service), "after_server_start")
    app.register_listener(partial(_begin_to_stop, service), "before_server_stop")
    app.register_listener(lambda _app: service.close(), "after_server_stop")
    if gate is not None:
        app.register_listener(lambda _app: gate.close(), "after_server_stop")
    return app


def _config(settings: Settings) -> dict[str, object]:
    return {
        "ACCESS_LOG": settings.access_log,
        "GRACEFUL_SHUTDOWN_TIMEOUT": settings.drain_timeout,
        "KEEP_ALIVE_TIMEOUT": 120,
        "REQUEST_TIMEOUT": settings.idle_timeout,
        "RESPONSE_TIMEOUT": settings.idle_timeout,
        # Sanic's own limit, on bodies that no handler reads as a stream; also what it reads of a refused
        # body.
        "REQUEST_MAX_SIZE": settings.max_manifest,
        "REQUEST_MAX_HEADER_SIZE": settings.max_header,
        "MOTD": False,
    }


def _start_tidying(service: Service, app: Application) -> None:
    # Nothing is returned: Sanic would wait for the task, and the server would never have started.
    app.add_task(_keep_tidy(service))


async def _begin_to_stop(service: Service, _app: Application) -> None:
    """End the background work; take no notice of who asks to stop once more.

    A second signal would stop the event loop in the middle of Sanic's own waiting for what is under way, and
    end the process with an error; the drain time-out bounds that waiting.
    """
    service.stopping.set()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Windows' event loops take no signals; there Sanic looks at a flag, which can be set twice.
        with suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, log.info, "stopping already")


async def _keep_tidy(service: Service) -> None:
    """Remove what crashes and absent-minded clients left behind: at the start, and then from time to time."""
    settings, registry = service.settings, service.registry
    while settings.purge_uploads and not settings.read_only and not service.stopping.is_set():
        try:
            purged = await service.in_background(lambda: registry.purge_uploads(settings.upload_age))
            leftovers = await service.in_background(lambda: registry.fs.discard_leftovers(LEFTOVERS_AGE))
        except OSError as error:
            log.warning("could not remove stale uploads: %s", error)
        else:
            if purged or leftovers:
                log.info("removed %d stale uploads and %d leftovers", purged, leftovers)
        with suppress(TimeoutError):
            await asyncio.wait_for(service.stopping.wait(), settings.purge_interval)


def _on_error(request: Request, error: Exception) -> HTTPResponse:
    """Answer whatever was raised with the specification's JSON; the log has what is nobody's business."""
    match error:
        case errors.RegistryError():
            return answer_error(error)
        case NotFound():
            return answer_error(errors.RouteUnknown())
        case MethodNotAllowed():
            return answer_error(errors.Unsupported())
        case BodyError():
            status = 408 if isinstance(error, BodyStalled) else 400
            return answer(status, (JSON,), errors.error_body(errors.RequestInvalid.code, str(error)))
        case SanicException():
            # Sanic could not read the request, or a time-out struck: the status is its, the form is ours.
            code = errors.RequestInvalid.code if error.status_code < 500 else errors.Internal.code
            return answer(error.status_code, (JSON,), errors.error_body(code, str(error)))
        case NameNotStorable():
            # Two pushes raced for names that this disk takes for one; the second one hears of it here.
            return answer_error(errors.NameInvalid(str(error)))
        case OSError() if error.errno in FULL and not isinstance(error, FileTooLarge):
            log.error("the disk is full: %s", error)
            return answer_error(errors.DiskFull())
        case OSError():
            log.error("the storage failed at %s %s: %s", request.method, request.path, error)
            return answer_error(errors.StorageFailed())
        case _:
            log.error("failed at %s %s", request.method, request.path, exc_info=error)
            return answer_error(errors.Internal())
