"""Copy files to and from a host in the open session: in chunks, checked by SHA256, whole or not at all."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from io import TextIOBase
from typing import IO, Any

from pyinfra.api.util import get_file_io

from deploy.connector_errors import HostError
from deploy.connector_output import Outcome
from deploy.connector_scripts import CHUNK_SIZE, GET, PUT
from deploy.connector_session import PsrpSession

_SPOOL_SIZE = 4 * CHUNK_SIZE


def put(session: PsrpSession, source: str | IO[Any], path: str, timeout: float | None = None) -> None:
    """Upload ``source`` (a file's name, or an open file) to ``path``, replacing a file there.

    ``timeout`` is for each chunk. Raise `HostError` if the host does not take it; what was there stays.
    """
    digest = hashlib.sha256()
    offset = 0
    with get_file_io(source, "rb") as file:
        for chunk, is_last in _chunks(file):
            digest.update(chunk)
            parameters = {
                "Path": path,
                "Offset": offset,
                "Data": chunk,
                "Sha256": digest.hexdigest() if is_last else "",
            }
            _check(session.run_fixed(PUT, parameters, timeout), f"could not write {path}")
            offset += len(chunk)


def get(session: PsrpSession, target: str | IO[Any], path: str, timeout: float | None = None) -> None:
    """Download ``path`` to ``target`` (a file's name, or a file open for writing).

    ``timeout`` is for each chunk. Raise `HostError` if the file cannot be read or changes meanwhile; then a
    file of that name stays as it is.
    """
    with ExitStack() as stack:
        if isinstance(target, str):
            directory = os.path.dirname(os.path.abspath(target))
            part = stack.enter_context(tempfile.NamedTemporaryFile(dir=directory, delete=False))
            stack.callback(_remove_if_there, part.name)
            _download(session, part, path, timeout)
            part.close()
            os.replace(part.name, target)
        else:
            spool = stack.enter_context(tempfile.SpooledTemporaryFile(max_size=_SPOOL_SIZE))
            _download(session, spool, path, timeout)
            _copy_to(spool, target)


def _download(session: PsrpSession, file: Any, path: str, timeout: float | None) -> None:  # noqa: ANN401
    digest, expected, offset, length = hashlib.sha256(), "", 0, 0
    while True:
        parameters = {"Path": path, "Offset": offset, "Count": CHUNK_SIZE}
        found = _check(session.run_fixed(GET, parameters, timeout), f"could not read {path}").stdout
        chunk, total = _read_chunk(found, path)
        if offset == 0:
            length, expected = total, found[-1]
        file.write(chunk)
        digest.update(chunk)
        offset += len(chunk)
        if offset >= length or not chunk:
            break
    if digest.hexdigest().upper() != expected.upper():
        msg = f"could not read {path}: it changed while it was read"
        raise HostError(msg, "run again when nothing writes to it")


def _read_chunk(lines: tuple[str, ...], path: str) -> tuple[bytes, int]:
    try:
        return base64.b64decode(lines[1], validate=True), int(lines[0])
    except (IndexError, ValueError, binascii.Error) as error:
        msg = f"could not read {path}: the answer makes no sense"
        raise HostError(msg) from error


def _check(result: Outcome, failure: str) -> Outcome:
    if not result.succeeded():
        msg = f"{failure}: {' '.join(result.stderr()) or 'no reason was given'}"
        raise HostError(msg, "see to the drive, and to what the account may do there, then run again")
    return result


def _chunks(file: IO[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield each chunk and whether it is the last; an empty file has one empty chunk."""
    chunk = file.read(CHUNK_SIZE)
    while True:
        following = file.read(CHUNK_SIZE)
        yield chunk, not following
        if not following:
            return
        chunk = following


def _copy_to(spool: Any, target: Any) -> None:  # noqa: ANN401
    spool.seek(0)
    content = spool.read()
    target.write(content.decode() if isinstance(target, TextIOBase) else content)


def _remove_if_there(name: str) -> None:
    if os.path.exists(name):
        os.remove(name)
