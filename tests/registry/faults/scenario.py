"""What a day brings to a registry, step by step; and what a client may see between two steps."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from registry_app.errors import BlobUnknown, ManifestUnknown, NameUnknown, RegistryError
from registry_app.manifest import OCI_INDEX, OCI_MANIFEST, read_manifest
from registry_app.reference import Digest, Reference, Repository, Tag
from registry_app.registry import Page, Registry
from tests.registry.pushes import image, index, pull_blob, push_blob

HELLO, OTHER = Repository("labs/hello"), Repository("other")
CONFIG, LAYER, NEW_LAYER = b'{"os": "windows"}', b"layer" * 100, b"another layer" * 100
OLD, NEW = image(CONFIG, LAYER), image(CONFIG, NEW_LAYER)
BOTH = index(OLD, NEW)
UNUSED = b"pushed, and deleted again"
V1, LATEST = Tag("v1"), Tag("latest")
ODD_TYPE = "application/vnd.example+json"

Step = Callable[[Registry], object]
State = dict[str, object]


def _cancel(registry: Registry) -> None:
    upload = registry.start_upload(HELLO, "sha256")
    with contextlib.closing(registry.uploads.open(HELLO, upload)) as writer:
        writer.write([b"something"])
    registry.uploads.discard(HELLO, upload)


def _wrong_digest(registry: Registry) -> None:
    upload = registry.start_upload(HELLO, "sha256")
    with contextlib.closing(registry.uploads.open(HELLO, upload)) as writer:
        writer.write([b"not what was promised"])
        writer.flush()
    with contextlib.suppress(RegistryError):
        registry.finish_upload(HELLO, upload, Digest.of(b"promise"))


def _gone(action: Step) -> Step:
    """Return a deletion that a client repeats until the thing is gone."""

    def delete(registry: Registry) -> None:
        with contextlib.suppress(BlobUnknown, ManifestUnknown, NameUnknown):
            action(registry)

    return delete


STEPS: list[Step] = [
    lambda registry: push_blob(registry, CONFIG),
    lambda registry: push_blob(registry, LAYER, chunk=200),
    lambda registry: registry.put_manifest(HELLO, V1, OLD, OCI_MANIFEST),
    lambda registry: registry.put_manifest(HELLO, LATEST, OLD, OCI_MANIFEST),
    lambda registry: push_blob(registry, NEW_LAYER),
    lambda registry: push_blob(registry, LAYER),
    lambda registry: registry.put_manifest(HELLO, LATEST, NEW, OCI_MANIFEST),
    lambda registry: registry.put_manifest(HELLO, Digest.of(BOTH), BOTH, OCI_INDEX, [Tag("a"), Tag("b")]),
    lambda registry: registry.mount(OTHER, Digest.of(CONFIG), HELLO),
    lambda registry: registry.mount(OTHER, Digest.of(LAYER), None),
    lambda registry: registry.put_manifest(OTHER, Digest.of(OLD), OLD, OCI_MANIFEST),
    lambda registry: registry.put_manifest(OTHER, V1, b"{}", ODD_TYPE),
    _cancel,
    _wrong_digest,
    lambda registry: push_blob(registry, UNUSED, OTHER),
    _gone(lambda registry: registry.delete_blob(OTHER, Digest.of(UNUSED))),
    _gone(lambda registry: registry.delete_tag(HELLO, Tag("b"))),
    _gone(lambda registry: registry.delete_manifest(OTHER, Digest.of(b"{}"))),
    _gone(lambda registry: registry.delete_manifest(HELLO, Digest.of(BOTH))),
    _gone(lambda registry: registry.delete_manifest(HELLO, Digest.of(OLD))),
    lambda registry: registry.put_manifest(HELLO, V1, OLD, OCI_MANIFEST),
    lambda registry: registry.purge_uploads(0),
]

BLOBS = [CONFIG, LAYER, NEW_LAYER, UNUSED]
MANIFESTS = [OLD, NEW, BOTH, b"{}"]
TAGS = [V1, LATEST, Tag("a"), Tag("b")]


def observe(registry: Registry) -> State:
    """Return everything that a client can see; what is seen was read and verified."""
    state: State = {}
    for repository in (HELLO, OTHER):
        state[f"catalog lists {repository}"] = repository.name in registry.catalog(100, "").names
        for content in BLOBS:
            digest = Digest.of(content)
            state[f"{repository} blob {digest}"] = _ask(partial(pull_blob, registry, digest, repository))
        for content in MANIFESTS:
            digest = Digest.of(content)
            state[f"{repository} manifest {digest}"] = _ask(partial(_pull, registry, repository, digest))
        tags = _ask(partial(registry.tags, repository, 100, ""))
        for tag in TAGS:
            state[f"{repository}:{tag}"] = _ask(partial(_pull, registry, repository, tag))
            state[f"{repository} lists {tag}"] = isinstance(tags, Page) and tag.name in tags.names
    return state


def _pull(registry: Registry, repository: Repository, reference: Reference) -> bytes:
    """Return a manifest, after pulling everything that it names."""
    stored = registry.manifest(repository, reference)
    manifest = read_manifest(stored.content, stored.media_type)
    for blob in manifest.blobs:
        assert len(pull_blob(registry, blob.digest, repository)) == blob.size, "an image lacks a layer"
    for child in manifest.manifests:
        _pull(registry, repository, child.digest)
    return stored.content


def _ask(question: Callable[[], object]) -> object:
    try:
        return question()
    except (BlobUnknown, ManifestUnknown, NameUnknown):
        return None


@dataclass(frozen=True)
class Expectation:
    """What a clean run shows: the state before the first step and after each."""

    states: list[State]
    tree: set[str]

    def allows(self, seen: State, step: int) -> list[str]:
        """Return what of ``seen`` is neither as before nor as after ``step``."""
        before, after = self.states[step], self.states[step + 1]
        return [key for key in seen if seen[key] not in (before[key], after[key])]
