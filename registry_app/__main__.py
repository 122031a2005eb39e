"""The command line: ``python -m registry_app serve | health | check | check-names``."""

# Each verb imports what it needs when it is called: a health check must not load a web server.
# ruff: noqa: PLC0415

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from registry_app import __version__

if TYPE_CHECKING:
    from registry_app.settings import Settings

USAGE = """usage: python -m registry_app VERB

  serve        run the registry in the foreground, until SIGTERM
  health       ask the registry on its own address whether it is ready; exit 0 or 1
  check        verify the store; see "check --help"
  check-names  list what would not survive a copy to NTFS; see "check-names --help"

Settings come from the environment (REGISTRY_HTTP_ADDR, REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY, …).
"""


def _serve(arguments: Sequence[str]) -> int:
    from registry_app.lean import lean_imports

    settings = _settings(arguments)
    with lean_imports():
        from registry_app.server import serve

    return serve(settings)


def _health(arguments: Sequence[str]) -> int:
    from registry_app.health import is_ready

    return 0 if is_ready(_settings(arguments)) else 1


def _check(arguments: Sequence[str]) -> int:
    from registry_app.check import main

    return main(arguments)


def _check_names(arguments: Sequence[str]) -> int:
    from registry_app.check_names import main

    return main(arguments)


VERBS: dict[str, Callable[[Sequence[str]], int]] = {
    "serve": _serve,
    "health": _health,
    "check": _check,
    "check-names": _check_names,
}


def _settings(arguments: Sequence[str]) -> "Settings":
    """Return the settings in the environment; print every mistake and exit with 2 if there is one."""
    from registry_app.settings import SettingsError, load

    if arguments:
        print(f"unexpected argument: {arguments[0]}\n\n{USAGE}", file=sys.stderr, end="")
        raise SystemExit(2)
    try:
        settings, warnings = load(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the verb in ``arguments`` and return the exit code: 2 if it cannot be understood."""
    verb, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    if verb in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0
    if verb == "--version":
        print(__version__)
        return 0
    if verb not in VERBS:
        print(USAGE, file=sys.stderr, end="")
        return 2
    return VERBS[verb](rest)


if __name__ == "__main__":
    sys.exit(main())
