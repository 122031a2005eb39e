"""Link files: a digest, nothing else, in a file of its own."""

import logging

from registry_app.errors import DigestInvalid
from registry_app.reference import Digest
from registry_app.storage.filesystem import FileSystem, FileTooLarge

log = logging.getLogger("registry")

_LONGEST = 256


def read_link(fs: FileSystem, path: str) -> Digest | None:
    """Return the digest in a link; None if there is no link, or none that can be understood.

    Registries that did not flush before they renamed have left empty links behind when the power failed. Such
    a link names nothing; ``registry_app check`` lists it.
    """
    try:
        text = fs.read_bytes(path, _LONGEST).decode("ascii").strip()
        return Digest.parse(text)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (DigestInvalid, UnicodeDecodeError, FileTooLarge):
        log.warning("damaged link: %s", path)
        return None


def has_link(fs: FileSystem, path: str, digest: Digest) -> bool:
    """Return whether the link at ``path``, whose place says that it is for ``digest``, is there and whole."""
    found = fs.stat(path)
    return found is not None and found.size >= len(str(digest))


def write_link(fs: FileSystem, path: str, digest: Digest) -> None:
    """Make the link at ``path`` hold ``digest``; nothing is written if it does."""
    if read_link(fs, path) != digest:
        fs.write_whole(path, str(digest).encode())
