"""Public images that a rehearsal host can pull: small stand-ins with the real names, builds and layer kinds.

Their blobs are made here, the same bytes every time, so digests are stable. The base layers of the old
nanoserver image are foreign, as those of the original are: registries do not keep them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from rehearsal.engine.blobs import Blobs, digest_of, make_layer
from rehearsal.engine.records import FOREIGN_LAYER, LAYER, Image, Layer

_CREATED = "2026-01-13T10:00:00Z"
_MCR = "https://mcr.microsoft.com/v2/windows"
_HELLO = (
    "Hello from Docker!\r\nThis message shows that your installation appears to be working correctly.\r\n"
)
_PATH = "C:\\Windows\\system32;C:\\Windows;C:\\Windows\\System32\\Wbem"
_POWERSHELL_PATH = _PATH + ";C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\"


@dataclass(frozen=True)
class Stage:
    """One layer: what it is called, what is in it, and whether it is foreign."""

    created_by: str
    files: Mapping[str, bytes]
    foreign: bool = False


@dataclass(frozen=True)
class PublicImage:
    """An image of a public registry. ``os_version`` is that of the Windows it was made for."""

    reference: str
    os_version: str
    stages: Sequence[Stage]
    config: Mapping[str, Any] = field(default_factory=dict)


def _base(name: str, version: str, *, foreign: bool = False) -> list[Stage]:
    return [
        Stage("Apply image " + version, {"Windows/base.txt": f"{name} {version}\r\n".encode()}, foreign),
        Stage("Install update " + version, {"Windows/update.txt": f"{name} {version}\r\n".encode()}, foreign),
    ]


_VERSIONS = {
    "ltsc2016": "10.0.14393.7606",
    "ltsc2019": "10.0.17763.6893",
    "1809": "10.0.17763.6893",
    "ltsc2022": "10.0.20348.3207",
    "ltsc2025": "10.0.26100.3476",
}
_NANO_2016 = "10.0.14393.2068"


def _windows(kind: str, tag: str) -> PublicImage:
    version = _VERSIONS[tag]
    program = "c:\\windows\\system32\\cmd.exe"
    path = _POWERSHELL_PATH if kind == "servercore" else _PATH
    return PublicImage(
        f"mcr.microsoft.com/windows/{kind}:{tag}",
        version,
        _base(kind, version),
        {"Cmd": [program], "Env": [f"PATH={path}"]},
    )


def _python(tag: str, version: str) -> PublicImage:
    files = {
        "Python/python.exe": b"MZ python\r\n",
        "Python/Lib/site-packages/README.txt": b"Third-party packages are installed here.\n",
    }
    return PublicImage(
        f"python:{version}-windowsservercore-{tag}",
        _VERSIONS[tag],
        [*_base("servercore", _VERSIONS[tag]), Stage("RUN install Python " + version, files)],
        {
            "Cmd": ["python"],
            "Env": [
                f"PATH=C:\\Python;C:\\Python\\Scripts;{_POWERSHELL_PATH}",
                "PYTHONIOENCODING=UTF-8",
                f"PYTHON_VERSION={version}.1",
            ],
        },
    )


def _all() -> list[PublicImage]:
    hello = PublicImage(
        "sixeyed/hello-world:nanoserver",
        _NANO_2016,
        [
            *_base("nanoserver", _NANO_2016, foreign=True),
            Stage("COPY hello.txt .", {"hello.txt": _HELLO.encode()}),
        ],
        {"Cmd": ["cmd", "/C", "type C:\\hello.txt"], "Env": [f"PATH={_PATH}"]},
    )
    windows = [
        _windows(kind, tag)
        for kind in ("servercore", "nanoserver")
        for tag in _VERSIONS
        if _exists(kind, tag)
    ]
    pythons = [_python(tag, version) for tag in ("ltsc2022", "ltsc2025") for version in ("3.13", "3.14")]
    return [hello, *windows, *pythons]


def _exists(kind: str, tag: str) -> bool:
    return kind == "servercore" or tag != "ltsc2016"


def published() -> dict[str, PublicImage]:
    """Return all public images by their reference as docker shows it."""
    return {image.reference: image for image in _all()}


def make_image(public: PublicImage, blobs: Blobs) -> Image:
    """Write the blobs of a public image and return it, without names."""
    layers = [_layer(stage, blobs) for stage in public.stages]
    return assemble(
        layers,
        {
            "created": _CREATED,
            "architecture": "amd64",
            "os": "windows",
            "os.version": public.os_version,
            "config": dict(public.config),
            "history": [{"created": _CREATED, "created_by": stage.created_by} for stage in public.stages],
        },
        blobs,
    )


def _layer(stage: Stage, blobs: Blobs) -> Layer:
    if not stage.foreign:
        return make_layer(stage.files, blobs, media_type=LAYER)
    layer = make_layer(stage.files, blobs, media_type=FOREIGN_LAYER)
    layer.urls = [f"{_MCR}/nanoserver/blobs/{layer.digest}"]
    return layer


def assemble(layers: Sequence[Layer], config: Mapping[str, Any], blobs: Blobs) -> Image:
    """Return the image that a configuration and layers make; its id is the digest of the configuration."""
    whole = {**config, "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}}
    content = json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode()
    return Image(blobs.write(content), whole, list(layers))


def manifest_of(image: Image, blobs: Blobs) -> bytes:
    """Return the image's manifest (schema 2), as it is pushed."""
    layers = [
        {
            "mediaType": layer.media_type,
            "size": layer.size,
            "digest": layer.digest,
            **({"urls": layer.urls} if layer.urls else {}),
        }
        for layer in image.layers
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "size": len(blobs.read(image.id)),
            "digest": image.id,
        },
        "layers": layers,
    }
    return json.dumps(manifest, indent=3).encode()


class _MemoryBlobs(Blobs):
    """Blobs in memory, for images that are not here yet."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}

    def write(self, content: bytes) -> str:
        """Keep a content."""
        digest = digest_of(content)
        self.contents[digest] = content
        return digest

    def read(self, digest: str) -> bytes:
        """Return a content."""
        return self.contents[digest]


@cache
def _made(reference: str) -> tuple[Image, dict[str, bytes]]:
    blobs = _MemoryBlobs()
    image = make_image(published()[reference], blobs)
    return image, {**blobs.contents, "manifest": manifest_of(image, blobs)}


def image_of(public: PublicImage) -> Image:
    """Return a public image as a new record."""
    return Image.from_json(_made(public.reference)[0].to_json())


def blobs_of(public: PublicImage) -> Mapping[str, bytes]:
    """Return the contents of a public image by digest, and its manifest under ``manifest``."""
    return _made(public.reference)[1]
