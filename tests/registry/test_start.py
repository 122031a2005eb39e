"""A start loads what it needs, and no more: each health check of a container is one."""

import subprocess
import sys

import pytest

IMPORT_A_SERVER = """
from registry_app.lean import lean_imports
with lean_imports():
    import registry_app.server
"""
IMPORT_A_HEALTH_CHECK = "import registry_app.__main__, registry_app.health, registry_app.settings"


def loaded_by(program: str) -> set[str]:
    """Return the names of all modules that a program has loaded at its end."""
    shown = f"{program}\nimport gc, sys\nassert gc.isenabled()\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("library", ["pydantic", "tracerite", "jinja2"])
def test_a_server_starts_without(library: str) -> None:
    assert library not in loaded_by(IMPORT_A_SERVER)


@pytest.mark.parametrize("library", ["pydantic", "sanic", "asyncio"])
def test_a_health_check_starts_without(library: str) -> None:
    assert library not in loaded_by(IMPORT_A_HEALTH_CHECK)


def test_sanic_still_takes_the_page_that_stands_in_for_its_own() -> None:
    program = f"{IMPORT_A_SERVER}\nimport sanic.errorpages, registry_app.lean as lean\n"

    assert "sanic.errorpages" in loaded_by(
        f"{program}assert sanic.errorpages.ErrorPage is lean.ErrorPage, 'Sanic has moved its error page'"
    )
