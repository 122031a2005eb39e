"""The proof: an image goes to the registry and comes back the same, through the engine's own configuration.

What is proven stays proven as long as the engine has the image under the registry's name and can still pull
it by its digest. That pull changes nothing, since everything is there; it fails if the registry does not
answer, if the engine does not trust it, or if the image is gone from it. So a second run has nothing to do
and yet did look.
"""

from __future__ import annotations

from dataclasses import dataclass

from deploy.settings.lab import LabSettings
from deploy.state import ImageState


@dataclass(frozen=True)
class Proof:
    """The names under which the image travels."""

    source: str
    """The public image."""

    target: str
    """The same in the registry, by tag."""

    @classmethod
    def of(cls, settings: LabSettings) -> Proof:
        """Return the names that the settings stand for."""
        proof = settings.proof
        return cls(proof.image, f"{settings.registry.address}/{proof.repository}:{proof.tag}")

    @property
    def repository(self) -> str:
        """The target without its tag."""
        return self.target.rpartition(":")[0]

    def digest(self, image: ImageState | None) -> str | None:
        """Return the digest under which the registry has ``image``, as far as the engine knows, or None."""
        if image is None:
            return None
        known = [
            each.partition("@")[2] for each in image.digests if each.partition("@")[0] == self.repository
        ]
        return known[0] if known else None
