"""Python as it is in the registry's image: with what the registry needs, and nothing of what develops it.

A start imports what is installed; with the development environment's packages it would take longer.
"""

import os
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import requires, version

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

DIRECTORY = os.path.join(".cache", "benchmark-python")
_PROJECT = os.path.join("registry_app", "pyproject.toml")


def python() -> str:
    """Return an interpreter with the registry's dependencies, in the versions installed here; made if need
    be.
    """
    wanted = "\n".join(pinned(_declared()))
    program = os.path.abspath(os.path.join(DIRECTORY, "bin", "python"))
    note = os.path.join(DIRECTORY, "requirements.txt")
    if os.path.exists(note):
        with open(note, encoding="utf-8") as file:
            if file.read() == wanted:
                return program
    print("preparing a Python with the registry's own dependencies", file=sys.stderr)
    venv.create(DIRECTORY, clear=True, with_pip=True)
    subprocess.run([program, "-m", "pip", "install", "--quiet", "--no-deps", *wanted.split()], check=True)
    with open(note, "w", encoding="utf-8") as file:
        file.write(wanted)
    return program


def pinned(names: list[str]) -> list[str]:
    """Return ``name==version`` of what is installed of ``names`` and of everything that they need."""
    found: dict[str, str] = {}
    waiting = [Requirement(name) for name in names]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found[name] = version(name)
        waiting += map(Requirement, requires(name) or [])
    return sorted(f"{name}=={number}" for name, number in found.items())


def _declared() -> list[str]:
    with open(_PROJECT, "rb") as file:
        declared: list[str] = tomllib.load(file)["project"]["dependencies"]
    return declared
