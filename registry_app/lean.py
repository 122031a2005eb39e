"""Start with little: what Sanic loads and a registry never uses is left out, and nothing is swept meanwhile.

Knows one module of Sanic that is not public: the page it shows a person after an error, which loads a library
that formats tracebacks as HTML. A registry answers every error itself, in JSON. Should Sanic move that page,
the stand-in is simply not used, and a test says so.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

ERROR_PAGE = "sanic.pages.error"


class ErrorPage:
    """Takes the place of Sanic's page; nobody asks for it."""

    def __init__(self, *_arguments: object, **_named: object) -> None:
        raise TypeError("a registry shows no page for an error; its error handler answers in JSON")


@contextmanager
def lean_imports() -> Iterator[None]:
    """Import in this context what a server needs; raises nothing of its own.

    The collector of cyclic garbage is off, since hardly any is made and it would look at every new object
    several times; what is there at the end stays for good, so it is not looked at again.
    """
    if ERROR_PAGE not in sys.modules:
        page = ModuleType(ERROR_PAGE)
        page.ErrorPage = ErrorPage  # type: ignore[attr-defined] # a module's content
        sys.modules[ERROR_PAGE] = page
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
