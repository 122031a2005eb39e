"""Verify what a repository holds: blob links, manifests, tags and open uploads."""

from datetime import UTC, datetime

from registry_app.check.findings import Severity, Write
from registry_app.check.images import check_image
from registry_app.check.store import Store
from registry_app.errors import DigestInvalid
from registry_app.manifest import is_media_type
from registry_app.reference import ALGORITHMS, Digest, Repository, Tag
from registry_app.storage.layout import MANIFESTS
from registry_app.storage.repositories import LONGEST_MEDIA_TYPE

_PARTS = ("_layers", MANIFESTS, "_uploads")


def check_repositories(store: Store, directory: str, prefix: str = "") -> None:
    """Check every repository in ``directory``, whose own name is ``prefix``."""
    entries = store.directories(directory)
    if prefix and any(name in _PARTS for name, _ in entries):
        _check_repository(store, Repository(prefix.rstrip("/")))
    for name, path in entries:
        if Repository.read(prefix + name) is not None:
            check_repositories(store, path, f"{prefix}{name}/")
        elif name not in _PARTS or not prefix:
            store.leftover("stray", path, "the name is no part of a repository's name")


def _check_repository(store: Store, repository: Repository) -> None:
    store.survey.counts.repositories += 1
    layers = _check_layers(store, repository)
    manifests = _check_revisions(store, repository)
    for name, path in store.directories(store.layout.tags(repository)):
        tag = Tag.read(name)
        if tag is None:
            store.leftover("stray", path, "the name is no tag")
        else:
            _check_tag(store, repository, tag, manifests)
    for digest in sorted(manifests, key=str):
        check_image(store, repository, digest, layers, manifests)
    for name, path in store.directories(store.layout.uploads(repository)):
        _check_upload(store, repository, name, path)


def _digests(store: Store, parent: str) -> list[tuple[Digest, str]]:
    """Return the digests, and their directories, that the directories in ``parent`` stand for."""
    found = []
    for algorithm, below in store.directories(parent):
        if algorithm not in ALGORITHMS:
            store.note("unknown-algorithm", below, "this registry cannot verify such digests")
            continue
        for encoded, path in store.directories(below):
            try:
                found.append((Digest.parse(f"{algorithm}:{encoded}"), path))
            except DigestInvalid:
                store.leftover("stray", path, "the name is no digest")
    return found


def _check_layers(store: Store, repository: Repository) -> set[Digest]:
    """Return the blobs that the repository holds."""
    held = set()
    for digest, home in _digests(store, store.layout.layers(repository)):
        path = store.layout.layer_link(repository, digest)
        if _check_link(store, path, digest) is None:
            continue
        if digest in store.blobs:
            held.add(digest)
            store.referenced.add(digest)
        else:
            store.damage(
                "layer-dangling", home, f"{repository} links to a blob that is not there: push it again"
            )
    return held


def _check_revisions(store: Store, repository: Repository) -> set[Digest]:
    """Return the manifests that the repository holds."""
    held = set()
    parent = store.layout.child(store.layout.manifests(repository), "revisions")
    for digest, home in _digests(store, parent):
        path = store.layout.revision_link(repository, digest)
        if _check_link(store, path, digest) is None:
            continue
        if digest in store.blobs:
            held.add(digest)
            store.referenced.add(digest)
            store.survey.counts.manifests += 1
            _check_media_type(store, repository, digest)
        else:
            store.damage("manifest-dangling", home, f"the manifest is gone from {repository}: push it again")
    return held


def _check_media_type(store: Store, repository: Repository, digest: Digest) -> None:
    path = store.layout.revision_media_type(repository, digest)
    kept = store.text(path, LONGEST_MEDIA_TYPE)
    if kept is not None and not is_media_type(kept.decode("ascii", "replace")):
        store.damage(
            "media-type-damaged", path, f"{repository}: {kept[:100]!r} is no media type; push {digest} again"
        )


def _check_link(store: Store, path: str, digest: Digest) -> Digest | None:
    """Return ``digest`` if there is a link; its place says what it must hold, so that can be mended."""
    held = store.link(path)
    if held is None:
        return None
    if held.strip() != str(digest).encode():
        what = f"holds {held[:100]!r}" if held else "is empty"
        store.survey.add(
            Severity.DAMAGE,
            "link-damaged",
            store.below(path),
            f"a link to {digest} {what}",
            Write(path, str(digest).encode()),
        )
    return digest


def _check_tag(store: Store, repository: Repository, tag: Tag, manifests: set[Digest]) -> None:
    home = store.layout.tag(repository, tag)
    store.survey.counts.tags += 1
    index = store.layout.child(home, "index")
    remembered = [
        digest
        for digest, _ in _digests(store, index)
        if _check_link(store, store.layout.tag_index(repository, tag, digest), digest)
    ]
    current = store.layout.tag_current(repository, tag)
    held = store.link(current)
    if held is None:
        # The index is written before the tag, so this push, or the removal, was never acknowledged.
        store.leftover("tag-unfinished", home, f"{repository}:{tag.name} was never pushed to its end")
        return
    target = _target(held)
    if target is None:
        target = _only([digest for digest in remembered if digest in manifests])
        if target is None:
            store.damage(
                "tag-damaged", home, f"{repository}:{tag.name} points to {held[:100]!r}: push it again"
            )
            return
        _mend(store, "tag-damaged", current, target, f"{repository}:{tag.name} pointed to {held[:100]!r}")
    _check_target(store, repository, tag, target, manifests)
    if target in manifests and target not in remembered:
        path = store.layout.tag_index(repository, tag, target)
        _mend(store, "tag-index", path, target, f"{repository}:{tag.name} does not remember {target}")


def _check_target(
    store: Store, repository: Repository, tag: Tag, target: Digest, manifests: set[Digest]
) -> None:
    """Check what a tag points to; add to ``manifests`` what only lacks its link."""
    if target in manifests:
        return
    if target in store.blobs:
        path = store.layout.revision_link(repository, target)
        _mend(
            store,
            "manifest-unlinked",
            path,
            target,
            f"{repository}:{tag.name} points to it, but it is not linked",
        )
        manifests.add(target)
        store.referenced.add(target)
        return
    home = store.layout.tag(repository, tag)
    store.damage(
        "tag-dangling", home, f"{repository}:{tag.name} points to {target}, which is gone: push it again"
    )


def _mend(store: Store, kind: str, path: str, digest: Digest, text: str) -> None:
    store.survey.add(Severity.DAMAGE, kind, store.below(path), text, Write(path, str(digest).encode()))


def _target(held: bytes) -> Digest | None:
    try:
        return Digest.parse(held.decode("ascii").strip())
    except (DigestInvalid, UnicodeDecodeError):
        return None


def _only(digests: list[Digest]) -> Digest | None:
    return digests[0] if len(digests) == 1 else None


def _check_upload(store: Store, repository: Repository, name: str, home: str) -> None:
    store.survey.counts.uploads += 1
    path = store.layout.upload_data(repository, name)
    try:
        data = store.fs.stat(path)
    except OSError as error:
        store.unreadable(path, error)
        return
    if data is None:
        store.leftover("upload-empty", home, f"an upload to {repository} of which nothing ever came")
        return
    store.note("upload", home, f"an open upload to {repository}: {data.size} bytes so far")
    path = store.layout.upload_started_at(repository, name)
    if not store.link(path):
        # Without it the reference registry never purges the upload.
        started = datetime.fromtimestamp(data.mtime_ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        store.survey.add(
            Severity.LEFTOVER,
            "upload-undated",
            store.below(path),
            "does not say when it began",
            Write(path, started.encode()),
        )
