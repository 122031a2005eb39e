"""The registry's image for Linux: our Dockerfile and wheel, on a base image made of this machine's Python.

No image can be pulled where the tests run, so the base is imported: the interpreter that the tests run on,
its standard library, pip, the shared libraries these need, and busybox for ``RUN``.
"""

import importlib.metadata
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pip
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy import rendering
from deploy.image_context import CACHE, PROJECT, ImageContext, build_wheel
from deploy.image_source import ImageSource

_PROBE = """
import json, os, sys, sysconfig
paths = sysconfig.get_paths()
print(json.dumps([os.path.realpath(sys.executable), paths["stdlib"], paths["purelib"]]))
"""
_LEFT_OUT = {
    *("dist-packages", "site-packages", "ensurepip", "idlelib", "lib2to3", "tkinter", "turtledemo"),
    *("test", "tests"),
    "EXTERNALLY-MANAGED",  # Debian's word against pip
}


def base(target: Path) -> None:
    """Write the root file system of a base image with Python as a tar archive."""
    interpreter, stdlib, packages = _python()
    programs: list[str | Path] = [interpreter, *Path(stdlib, "lib-dynload").glob("*.so"), *_extensions()]
    with tarfile.open(target, "w") as archive:
        archive.add(interpreter, interpreter)
        archive.add(stdlib, stdlib, filter=_wanted)
        for path in (Path(pip.__file__).parent, _metadata("pip")):
            archive.add(path, f"{packages}/{path.name}")
        for library in _libraries(programs):
            archive.add(Path(library).resolve(), library)
        archive.add(_busybox(), "bin/sh")
        _link(archive, "usr/local/bin/python", interpreter)
        _directory(archive, "tmp", 0o1777)


def source() -> ImageSource:
    """Return the registry as it is in this work tree."""
    return ImageContext.of("").source


def with_version(original: ImageSource, version: str) -> ImageSource:
    """Return the same registry under another version."""
    text = original.files["__init__.py"].decode()
    changed = text.replace(f'"{original.version}"', f'"{version}"')
    return replace(original, files={**original.files, "__init__.py": changed.encode()})


def context(registry: ImageSource, base_image: str, directory: Path) -> None:
    """Write the build context for an image of ``registry`` on ``base_image``."""
    shutil.copytree(_dependencies(), directory / "wheels")
    build_wheel(registry, directory / "wheels")
    text = rendering.dockerfile(base_image, registry.version, platform=rendering.LINUX, mark=mark(registry))
    (directory / "Dockerfile").write_text(text, encoding="utf-8")


def mark(registry: ImageSource) -> str:
    """Return the fingerprint that the image carries."""
    return registry.fingerprint("linux")


def _python() -> tuple[str, str, str]:
    """Return the interpreter outside of any virtual environment, its library and its packages' directory."""
    finished = subprocess.run(
        [Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}"), "-I", "-c", _PROBE],
        capture_output=True,
        text=True,
        check=True,
    )
    interpreter, stdlib, packages = json.loads(finished.stdout)
    return interpreter, stdlib, packages


def _wanted(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    name = Path(entry.name).name
    heavy = name in _LEFT_OUT or name.startswith("config-3") or name.endswith((".opt-1.pyc", ".opt-2.pyc"))
    return None if heavy else entry


def _libraries(programs: Iterable[str | Path]) -> list[str]:
    """Return the shared libraries that programs need, as the loader finds them."""
    # It fails if one of many is no dynamic program, and still answers for the others.
    finished = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False)
    found = re.findall(r"(?:=> |^\s+)(/\S+) \(0x", finished.stdout, re.MULTILINE)
    return sorted(set(found))


def _extensions() -> Iterator[Path]:
    """Yield the compiled modules of the registry's dependencies, as they are installed for the tests."""
    for name in sorted(_closure()):
        for file in importlib.metadata.distribution(name).files or ():
            if file.suffix == ".so":
                yield Path(str(file.locate()))


def _closure() -> set[str]:
    """Return the names of all that the registry depends on, on this machine."""
    project = tomllib.loads((PROJECT / "registry_app" / "pyproject.toml").read_text(encoding="utf-8"))
    waiting: list[str] = list(project["project"]["dependencies"])
    found: set[str] = set()
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        waiting += importlib.metadata.distribution(name).requires or []
    return found


def _dependencies() -> Path:
    """Return a directory with the locked wheels of what the registry depends on, downloaded once."""
    lock = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.findall(r"^([\w.-]+)(==(?:.*\\\n)*.*\n)", lock, re.MULTILINE)
    closure = _closure()
    pinned = "".join(name + rest for name, rest in entries if canonicalize_name(name) in closure)
    directory = CACHE / "wheels" / f"{sys.platform}-{rendering.fingerprint([pinned, sys.version])}"
    if not directory.exists():
        directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".linux-") as scratch:
            _download(pinned, Path(scratch))
            (Path(scratch) / "wheels").rename(directory)
    return directory


def _download(pinned: str, scratch: Path) -> None:
    (scratch / "requirements.txt").write_text(pinned, encoding="utf-8")
    arguments = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--quiet"]
    finished = subprocess.run(
        [sys.executable, "-m", "pip", "download", *arguments, "-r", "requirements.txt", "-d", "wheels"],
        cwd=scratch,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr


def _metadata(name: str) -> Path:
    """Return the directory with what pip knows of an installed distribution."""
    files = importlib.metadata.distribution(name).files or ()
    return next(Path(str(file.locate())).parent for file in files if file.name == "METADATA")


def _busybox() -> str:
    path = shutil.which("busybox")
    assert path is not None, "busybox is not installed"
    return path


def _link(archive: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    archive.addfile(entry)


def _directory(archive: tarfile.TarFile, name: str, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    archive.addfile(entry, io.BytesIO())
