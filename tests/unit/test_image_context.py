"""The build context: complete for Windows, the same bytes from the same sources, whole or not there."""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.tags import cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

from deploy import image_context
from deploy.image_context import CACHE, REQUIREMENTS, SOURCES, ContextError, ImageContext, build_wheel
from deploy.image_source import ImageSource, archive
from deploy.settings.image import PYTHON

BASE = "python:3.13-windowsservercore-ltsc2022"
WINDOWS = {
    "implementation_name": "cpython",
    "os_name": "nt",
    "platform_machine": "AMD64",
    "platform_python_implementation": "CPython",
    "platform_system": "Windows",
    "python_full_version": f"{PYTHON}.0",
    "python_version": PYTHON,
    "sys_platform": "win32",
    "extra": "",
}
SOURCE = ImageSource(
    {
        "__init__.py": b'"""A registry."""\n\n__version__ = "1.2.3"\n',
        "pyproject.toml": (
            b'[build-system]\nrequires = ["setuptools>=80"]\nbuild-backend = "setuptools.build_meta"\n'
            b'[project]\nname = "registry-app"\ndynamic = ["version"]\n'
            b'[tool.setuptools]\npackages = ["registry_app"]\n'
            b'[tool.setuptools.package-dir]\nregistry_app = "."\n'
            b'[tool.setuptools.dynamic]\nversion = { attr = "registry_app.__version__" }\n'
        ),
    },
    b"",
)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> ImageContext:
    """The real context; wheels that an earlier run downloaded are used again."""
    return ImageContext.of(BASE, cache=CACHE)


@pytest.fixture(scope="module")
def wheels(context: ImageContext) -> dict[str, bytes]:
    with zipfile.ZipFile(context.archive()) as packed:
        return {Path(name).name: packed.read(name) for name in packed.namelist() if name.endswith(".whl")}


def metadata(wheel: bytes) -> Iterator[Requirement]:
    """The requirements that a wheel has on Windows."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as packed:
        name = next(name for name in packed.namelist() if name.endswith(".dist-info/METADATA"))
        fields = Parser().parsestr(packed.read(name).decode())
    for line in fields.get_all("Requires-Dist", []):
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(WINDOWS):
            yield requirement


# Complete


def test_every_wheel_runs_on_the_windows_and_python_of_the_image(wheels: dict[str, bytes]) -> None:
    major, minor = map(int, PYTHON.split("."))
    native = set(cpython_tags((major, minor), platforms=["win_amd64"]))

    for name in wheels:
        _, _, _, tags = parse_wheel_filename(name)
        assert any(tag in native or (tag.platform, tag.abi) == ("any", "none") for tag in tags), name


def test_nothing_is_missing_and_every_version_fits(wheels: dict[str, bytes]) -> None:
    versions = {name: version for name, version, _, _ in map(parse_wheel_filename, wheels)}

    for wheel in wheels.values():
        for requirement in metadata(wheel):
            name = canonicalize_name(requirement.name)
            assert name in versions, requirement
            assert versions[name] in requirement.specifier, requirement


def test_nothing_is_pinned_that_is_not_needed(wheels: dict[str, bytes]) -> None:
    needed, waiting = {"registry-app"}, ["registry-app"]
    by_name = {parse_wheel_filename(name)[0]: wheel for name, wheel in wheels.items()}
    while waiting:
        for requirement in metadata(by_name[canonicalize_name(waiting.pop())]):
            name = canonicalize_name(requirement.name)
            if name not in needed:
                needed.add(name)
                waiting.append(name)

    assert needed == set(by_name)


def test_every_pin_has_a_hash_and_names_no_place() -> None:
    text = "\n".join(line for line in REQUIREMENTS.read_text().splitlines() if not line.startswith("#"))
    pins = re.split(r"\n(?=[a-z])", text)

    assert len(pins) > 10
    assert all("--hash=sha256:" in pin for pin in pins if pin.strip())
    assert "http://" not in text
    assert "https://" not in text
    assert "index-url" not in text


def test_our_wheel_has_every_module(wheels: dict[str, bytes]) -> None:
    ours = next(wheel for name, wheel in wheels.items() if name.startswith("registry_app-"))
    with zipfile.ZipFile(io.BytesIO(ours)) as packed:
        inside = set(packed.namelist())

    modules = {f"registry_app/{path.relative_to(SOURCES).as_posix()}" for path in SOURCES.rglob("*.py")}

    assert modules <= inside


def test_our_wheel_is_of_the_version_that_is_installed(
    context: ImageContext, wheels: dict[str, bytes]
) -> None:
    assert f"registry_app-{context.source.version}-py3-none-any.whl" in wheels


def test_the_context_holds_the_dockerfile_for_its_base(context: ImageContext) -> None:
    with zipfile.ZipFile(context.archive()) as packed:
        dockerfile = packed.read("Dockerfile").decode()

    assert f"FROM {BASE}\n" in dockerfile
    assert f'registry-lab.fingerprint="{context.fingerprint}"' in dockerfile


# The fingerprint


def test_unchanged_sources_have_the_same_fingerprint(context: ImageContext) -> None:
    assert ImageContext.of(BASE).fingerprint == context.fingerprint


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(ImageSource({**SOURCE.files, "app.py": b""}, b""), id="a file more"),
        pytest.param(
            ImageSource({**SOURCE.files, "__init__.py": b'__version__ = "2"'}, b""), id="other content"
        ),
        pytest.param(ImageSource(SOURCE.files, b"sanic==1"), id="other requirements"),
    ],
)
def test_any_change_changes_the_fingerprint(changed: ImageSource) -> None:
    assert changed.fingerprint(BASE) != SOURCE.fingerprint(BASE)


def test_another_base_is_another_image() -> None:
    assert SOURCE.fingerprint(BASE) != SOURCE.fingerprint("python:3.13-windowsservercore-ltsc2025")


def test_what_python_leaves_behind_is_no_source(tmp_path: Path) -> None:
    for name in (
        "__init__.py",
        "__pycache__/x.pyc",
        "build/y.py",
        "registry_app.egg-info/PKG-INFO",
        "sub/z.py",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('__version__ = "1"')

    found = ImageContext.of(BASE, sources=tmp_path)

    assert set(found.source.files) == {"__init__.py", "sub/z.py"}


def test_a_package_without_version_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not say its __version__"):
        ImageSource({"__init__.py": b""}, b"").fingerprint(BASE)


# The archive


def test_equal_files_are_equal_bytes() -> None:
    assert archive({"b": b"2", "a": b"1"}) == archive({"a": b"1", "b": b"2"})


def test_the_archive_unpacks_to_what_went_in() -> None:
    files = {"Dockerfile": b"FROM x", "wheels/a.whl": bytes(range(256)), "leer": b""}

    with zipfile.ZipFile(io.BytesIO(archive(files))) as packed:
        assert packed.testzip() is None
        assert {name: packed.read(name) for name in packed.namelist()} == files


def test_the_same_sources_give_the_same_wheel(tmp_path: Path) -> None:
    for name in ("one", "two"):
        build_wheel(SOURCE, tmp_path / name)

    first, second = (
        hashlib.sha256(next(tmp_path.glob(f"{name}/*.whl")).read_bytes()) for name in ("one", "two")
    )
    assert first.digest() == second.digest()


def test_an_archive_is_made_once(tmp_path: Path) -> None:
    context = ImageContext(BASE, SOURCE, tmp_path)
    made = context.archive()
    made.write_bytes(b"as it was")

    assert context.archive().read_bytes() == b"as it was"


def test_what_cannot_be_built_leaves_nothing_behind(tmp_path: Path) -> None:
    broken = ImageSource({"__init__.py": b'__version__ = "1"', "pyproject.toml": b"not toml"}, b"")

    with pytest.raises(ContextError, match="the registry's wheel could not be built: "):
        ImageContext(BASE, broken, tmp_path).archive()

    assert not [path for path in tmp_path.rglob("*") if "registry_app" in path.name or path.suffix == ".zip"]


def test_a_download_that_is_not_what_was_pinned_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "there" / "registry_app-1.2.3-py3-none-any.whl"
    build_wheel(SOURCE, wheel.parent)
    forged = ImageSource(SOURCE.files, f"{wheel.as_uri()} --hash=sha256:{64 * '0'}\n".encode())

    with pytest.raises(ContextError, match="could not be downloaded"):
        ImageContext(BASE, forged, tmp_path / "cache").archive()

    assert not list((tmp_path / "cache" / "wheels").glob("win_amd64*"))


def test_a_build_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_context, "_LONGEST", 0.01)

    with pytest.raises(ContextError, match="no end after"):
        build_wheel(SOURCE, tmp_path)


def test_the_wheel_can_be_installed_and_asked_for_its_version(tmp_path: Path) -> None:
    build_wheel(SOURCE, tmp_path)
    wheel = next(tmp_path.glob("*.whl"))

    said = subprocess.run(
        [sys.executable, "-c", "import registry_app; print(registry_app.__version__)"],
        cwd=tmp_path,  # else the sources of this project would be found first
        env={"PYTHONPATH": str(wheel)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.strip() == "1.2.3"
