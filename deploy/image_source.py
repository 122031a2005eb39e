"""What the registry's image is made of, and the fingerprint that stands for it. Pure: bytes in, bytes out.

The fingerprint is taken from the sources, not from the wheel that is built of them, so it says the same on
every machine: unchanged sources, the same tag, nothing to build.
"""

from __future__ import annotations

import ast
import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

from deploy import rendering

_EPOCH = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE = 0o100644 << 16


@dataclass(frozen=True)
class ImageSource:
    """Everything that goes into the image, beside the base image it is built on."""

    files: Mapping[str, bytes]
    """The registry's sources by their path, with slashes."""

    requirements: bytes
    """The wheels it needs, pinned by hash."""

    @property
    def version(self) -> str:
        """The registry's version, as its package says; raise `ValueError` if it does not."""
        for node in ast.parse(self.files["__init__.py"]).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__":
                return str(ast.literal_eval(node.value))
        raise ValueError("registry_app/__init__.py does not say its __version__")

    def fingerprint(self, base: str) -> str:
        """Return 12 hexadecimal digits for the image that is built of this on ``base``."""
        digests = {path: hashlib.sha256(content).hexdigest() for path, content in self.files.items()}
        requirements = hashlib.sha256(self.requirements).hexdigest()
        return rendering.fingerprint([digests, requirements, rendering.dockerfile(base, self.version)])

    def dockerfile(self, base: str) -> str:
        """Return the Dockerfile of that image, with the fingerprint in its labels."""
        return rendering.dockerfile(base, self.version, mark=self.fingerprint(base))


def archive(files: Mapping[str, bytes]) -> bytes:
    """Return the files as a ZIP archive: equal bytes for equal files, on every machine and at every time.

    Nothing is compressed: wheels are already, and what a compressor makes depends on its version.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as packed:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.create_system = 3
            entry.external_attr = _REGULAR_FILE
            packed.writestr(entry, files[path])
    return buffer.getvalue()
