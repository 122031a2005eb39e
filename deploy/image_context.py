"""Make the build context of the registry's image, on the operator's machine.

The context holds all that the build needs beside the base image: the registry's wheel, built here from its
sources, and the Windows wheels of its dependencies, downloaded once by hash. Both are kept under ``.cache``
and used again. A file lands there whole or not at all, so that a run that is cut short leaves nothing behind.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy import rendering
from deploy.image_source import ImageSource, archive
from deploy.settings.image import PYTHON

PROJECT = Path(__file__).parent.parent
SOURCES = PROJECT / "registry_app"
REQUIREMENTS = rendering.TEMPLATES / "registry-requirements.txt"
CACHE = PROJECT / ".cache"

_NOT_SOURCE = {"__pycache__", "build", "dist"}
_LONGEST = 600
"""Seconds that a build or a download may take."""


class ContextError(Exception):
    """The build context could not be made; says which step failed and its last words."""


@dataclass(frozen=True)
class ImageContext:
    """The build context for one base image. Cheap to make: the heavy part is `archive`."""

    base: str
    source: ImageSource
    cache: Path = field(default=CACHE, repr=False)

    @classmethod
    def of(
        cls, base: str, *, cache: Path = CACHE, sources: Path = SOURCES, requirements: Path = REQUIREMENTS
    ) -> ImageContext:
        """Return the context for an image on ``base``, from the sources as they are now."""
        return cls(base, ImageSource(dict(_source_files(sources)), requirements.read_bytes()), cache)

    @property
    def fingerprint(self) -> str:
        """What the image is tagged with."""
        return self.source.fingerprint(self.base)

    def archive(self) -> Path:
        """Return the context as a ZIP archive, made now or by an earlier run.

        Raise `ContextError` if the wheel cannot be built or a dependency cannot be had.
        """
        target = self.cache / "contexts" / f"{self.fingerprint}.zip"
        if not target.exists():
            wheels = [*self._dependencies(), self._own_wheel()]
            files = {f"wheels/{wheel.name}": wheel.read_bytes() for wheel in wheels}
            files["Dockerfile"] = self.source.dockerfile(self.base).encode()
            with _whole_or_nothing(target) as new:
                new.write_bytes(archive(files))
        return target

    def _dependencies(self) -> list[Path]:
        fingerprint = rendering.fingerprint(self.source.requirements.decode())
        directory = self.cache / "wheels" / f"win_amd64-cp{PYTHON.replace('.', '')}-{fingerprint}"
        if not directory.exists():
            with _whole_or_nothing(directory) as new:
                download_wheels(self.source, new)
        return sorted(directory.glob("*.whl"))

    def _own_wheel(self) -> Path:
        directory = self.cache / "wheels" / f"registry_app-{self.fingerprint}"
        if not directory.exists():
            with _whole_or_nothing(directory) as new:
                build_wheel(self.source, new)
        return next(directory.glob("*.whl"))


def build_wheel(source: ImageSource, target: Path) -> None:
    """Build the registry's wheel into the directory ``target``; the same bytes from the same sources."""
    with tempfile.TemporaryDirectory() as scratch:
        # A copy, since setuptools leaves its working files where the sources are.
        copy = Path(scratch) / "registry_app"
        for name, content in source.files.items():
            path = copy / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        arguments = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(target), str(copy)]
        _pip("the registry's wheel could not be built", ["wheel", *arguments])


def download_wheels(source: ImageSource, target: Path) -> None:
    """Download every wheel that is pinned, for the image's Windows and Python, and check its hash."""
    abi = f"cp{PYTHON.replace('.', '')}"
    platform = ["--platform", "win_amd64", "--python-version", PYTHON, "--implementation", "cp"]
    abis = ["--abi", abi, "--abi", "abi3", "--abi", "none"]
    with tempfile.TemporaryDirectory() as scratch:
        requirements = Path(scratch) / "requirements.txt"
        requirements.write_bytes(source.requirements)
        arguments = [
            "--only-binary=:all:",
            "--require-hashes",
            "--no-deps",
            "--requirement",
            str(requirements),
        ]
        _pip(
            "the wheels for Windows could not be downloaded",
            ["download", *platform, *abis, *arguments, "--dest", str(target)],
        )


def _source_files(sources: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(sources.rglob("*")):
        relative = path.relative_to(sources)
        hidden = any(part in _NOT_SOURCE or part.endswith(".egg-info") for part in relative.parts)
        if path.is_file() and not hidden and path.suffix not in {".pyc", ".pyo"}:
            yield relative.as_posix(), path.read_bytes()


def _pip(failure: str, arguments: Sequence[str]) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        *arguments,
    ]
    # Wheels are ZIP archives; with this, the time they were built at is not in them.
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "315532800"}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_LONGEST, check=False
        )
    except subprocess.TimeoutExpired:
        raise ContextError(f"{failure}: no end after {_LONGEST} s") from None
    if done.returncode:
        raise ContextError(f"{failure}: {done.stderr.strip()[-2000:]}")


@contextmanager
def _whole_or_nothing(target: Path) -> Iterator[Path]:
    """Give a place beside ``target`` to write to, and rename it when all went well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as scratch:
        new = Path(scratch) / target.name
        yield new
        # Another run may have been faster; its result is the same.
        if not target.exists():
            new.rename(target)
