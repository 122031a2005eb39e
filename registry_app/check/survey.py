"""One look at a whole store."""

from registry_app.check.blobs import check_blobs
from registry_app.check.findings import Survey
from registry_app.check.repositories import check_repositories
from registry_app.check.store import NoStoreError, Store
from registry_app.storage.filesystem import FileSystem
from registry_app.storage.layout import Layout


def survey(fs: FileSystem) -> Survey:
    """Return all that is found in the store below ``fs.root``; raise `NoStoreError` if there is none."""
    store = Store(fs, Layout(fs.root))
    if not any(map(store.is_directory, (store.layout.blobs, store.layout.repositories))):
        raise NoStoreError(f"{fs.root} holds no registry: there is no docker/registry/v2 in it")
    check_blobs(store)
    check_repositories(store, store.layout.repositories)
    for digest in store.blobs.keys() - store.referenced:
        store.survey.counts.unreferenced += 1
        store.survey.counts.unreferenced_bytes += store.blobs[digest]
    for _, path in store.entries(fs.staging):
        store.note("staging", path, "unfinished work; a registry removes it when it starts")
    return store.survey
