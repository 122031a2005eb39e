"""Verify that the content of every blob is what its name says."""

from registry_app.check.store import Store
from registry_app.errors import DigestInvalid
from registry_app.reference import ALGORITHMS, Digest
from registry_app.storage.blobs import digest_of_file


def check_blobs(store: Store) -> None:
    """Read all blobs; fill ``store.blobs`` with the sound ones."""
    for algorithm, directory in store.directories(store.layout.blobs):
        if algorithm not in ALGORITHMS:
            store.note("unknown-algorithm", directory, "this registry cannot verify such digests")
            continue
        for prefix, below in store.directories(directory):
            for encoded, home in store.directories(below):
                _check_blob(store, home, algorithm, prefix, encoded)


def _check_blob(store: Store, home: str, algorithm: str, prefix: str, encoded: str) -> None:
    try:
        digest = Digest.parse(f"{algorithm}:{encoded}")
    except DigestInvalid:
        store.leftover("stray", home, "the name is no digest")
        return
    if not encoded.startswith(prefix):
        store.leftover("stray", home, f"a blob that nobody looks for below {prefix}")
        return
    for name, path in store.entries(home):
        if name != "data":
            store.leftover("stray", path, "no part of the layout")
    _check_content(store, digest)


def _check_content(store: Store, digest: Digest) -> None:
    path = store.layout.blob_data(digest)
    found = store.fs.stat(path)
    if found is None:
        # The reference registry leaves the directory of a removed blob behind: nothing is wrong.
        return
    if found.is_dir:
        store.damage("blob-corrupt", path, "a directory in place of the content; push it again")
        return
    store.survey.counts.blobs += 1
    store.survey.counts.bytes += found.size
    try:
        actual = digest_of_file(store.fs, path, digest.algorithm)
    except OSError as error:
        store.unreadable(path, error)
        return
    if actual == digest:
        store.blobs[digest] = found.size
    else:
        store.damage("blob-corrupt", path, f"{found.size} bytes whose digest is {actual}; push it again")
