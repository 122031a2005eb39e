"""Images of one engine: names, look-up, removal (moby ``daemon/images``)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from rehearsal.engine.errors import EngineError, NotFoundError
from rehearsal.engine.records import Container, Image, Layer
from rehearsal.engine.references import InvalidReference, Reference
from rehearsal.engine.state import State

_ID = re.compile(r"(?:sha256:)?([0-9a-f]{1,64})")


def short_id(identifier: str) -> str:
    """Return the twelve digits that docker shows of an id."""
    return identifier.removeprefix("sha256:")[:12]


class Images:
    """What the engine knows of images."""

    def __init__(self, state: State) -> None:
        self._state = state

    def find(self, reference: str) -> Image:
        """Return the image of a name or of (the beginning of) an id, or raise `NotFoundError`."""
        by_id = _ID.fullmatch(reference)
        try:
            named: Reference | None = Reference.parse(reference).tagged()
        except InvalidReference:
            named = None
        if named is not None:
            found = next((image for image in self._all() if _has(image, named)), None)
            if found is not None:
                return found
        if by_id:
            wanted = by_id.group(1)
            matches = [image for image in self._all() if image.id.removeprefix("sha256:").startswith(wanted)]
            if len(matches) == 1:
                return matches[0]
        if named is None and not by_id:
            raise EngineError("invalid reference format")
        raise NotFoundError(f"No such image: {named if named is not None else reference}")

    def _all(self) -> Iterator[Image]:
        return iter(list(self._state.images.values()))

    def add(self, image: Image, name: Reference | None = None, digest: str = "") -> Image:
        """Keep an image, give it a name, and remember the digest it has in that name's repository."""
        with self._state.change():
            kept = self._state.images.setdefault(image.id, image)
            if name is not None and name.tag:
                for other in self._state.images.values():
                    if str(name) in other.tags and other.id != kept.id:
                        other.tags.remove(str(name))
                if str(name) not in kept.tags:
                    kept.tags.append(str(name))
            if name is not None and digest:
                full = f"{name.name}@{digest}"
                if full not in kept.digests:
                    kept.digests.append(full)
            return kept

    def tag(self, source: str, target: str) -> None:
        """Give an image another name."""
        image = self.find(source)
        try:
            name = Reference.parse(target)
        except InvalidReference as error:
            raise EngineError(
                f"{target!r} is not a valid repository/tag: {error}".replace("'", '"', 2)
            ) from error
        if name.digest:
            raise EngineError("refusing to create a tag with a digest reference")
        self.add(image, name.tagged())

    def remove(self, reference: str, *, force: bool) -> list[tuple[str, str]]:
        """Take a name from an image, and the image with its last name; return (what, of which)."""
        with self._state.change():
            image = self.find(reference)
            users = [c for c in self._state.containers.values() if c.image_id == image.id]
            match = _ID.fullmatch(reference)
            by_id = match is not None and image.id.removeprefix("sha256:").startswith(match.group(1))
            done = (
                self._untag_all(image, users, force=force)
                if by_id
                else self._untag(image, reference, users, force=force)
            )
            if image.tags:
                return done
            if users and not by_id:
                return done
            return done + self._delete(image)

    def _untag(
        self, image: Image, reference: str, users: list[Container], *, force: bool
    ) -> list[tuple[str, str]]:
        name = Reference.parse(reference).tagged()
        if not force and users and len({*image.tags}) <= 1:
            raise EngineError(
                f'conflict: unable to remove repository reference "{reference}" (must force) - container '
                f"{short_id(users[0].id)} is using its referenced image {short_id(image.id)}"
            )
        done: list[tuple[str, str]] = []
        if name.digest:
            image.digests.remove(f"{name.name}@{name.digest}")
        else:
            image.tags.remove(str(name))
        done.append(("Untagged", str(name)))
        if not any(Reference.parse(tag).name == name.name for tag in image.tags):
            for digest in [d for d in image.digests if d.split("@")[0] == name.name]:
                image.digests.remove(digest)
                done.append(("Untagged", digest))
        return done

    def _untag_all(self, image: Image, users: list[Container], *, force: bool) -> list[tuple[str, str]]:
        running = next((c for c in users if c.state.running), None)
        repositories = {Reference.parse(tag).name for tag in image.tags}

        def conflict(kind: str, why: str) -> EngineError:
            return EngineError(f"conflict: unable to delete {short_id(image.id)} ({kind}) - {why}")

        if running is not None:
            raise conflict(
                "cannot be forced", f"image is being used by running container {short_id(running.id)}"
            )
        if not force and len(repositories) > 1:
            raise conflict("must be forced", "image is referenced in multiple repositories")
        if not force and users:
            raise conflict(
                "must be forced", f"image is being used by stopped container {short_id(users[0].id)}"
            )
        done = [("Untagged", name) for name in [*image.tags, *image.digests]]
        image.tags.clear()
        image.digests.clear()
        return done

    def _delete(self, image: Image) -> list[tuple[str, str]]:
        del self._state.images[image.id]
        kept = {layer.digest for other in self._state.images.values() for layer in other.layers}
        gone: list[Layer] = [layer for layer in image.layers if layer.digest not in kept]
        self._state.blobs.remove([image.id, *(layer.digest for layer in gone)])
        self._state.build_cache = {
            key: value for key, value in self._state.build_cache.items() if value != image.id
        }
        done = [("Deleted", image.id), *(("Deleted", layer.diff_id) for layer in reversed(gone))]
        parent = self._state.images.get(image.parent)
        return done + (self._delete(parent) if parent is not None and self._is_left_over(parent) else [])

    def _is_left_over(self, image: Image) -> bool:
        """Whether a build's intermediate image serves nothing any more."""
        child = any(other.parent == image.id for other in self._state.images.values())
        used = any(container.image_id == image.id for container in self._state.containers.values())
        return not image.tags and not child and not used

    def where(self, matches: Callable[[Image], bool]) -> list[Image]:
        """Return the images for which ``matches``, newest first."""
        found = [image for image in self._all() if matches(image)]
        return sorted(found, key=lambda image: str(image.config.get("created", "")), reverse=True)


def _has(image: Image, name: Reference) -> bool:
    if name.digest:
        return f"{name.name}@{name.digest}" in image.digests
    return str(name) in image.tags
