"""What the checks of several log drivers have in common (moby ``daemon/logger``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from rehearsal.engine.golang import urls
from rehearsal.engine.golang.strconv import ParseError

Options = Mapping[str, str]
COMMON = frozenset({"env", "env-regex", "labels", "labels-regex", "tag"})
"""Options of most drivers: what of a container goes along with its lines."""


class LogOptionError(ValueError):
    """An option is refused; the message is the daemon's."""


def parses(parse: Callable[[str], object], text: str) -> bool:
    """Whether ``parse`` takes ``text``."""
    try:
        parse(text)
    except ParseError:
        return False
    return True


def parse_url(text: str) -> urls.Url:
    """Return a URL, or raise `LogOptionError`."""
    try:
        return urls.parse(text)
    except urls.UrlError as error:
        raise LogOptionError(str(error)) from error


def check_names(options: Options, known: Iterable[str], driver: str) -> None:
    """Raise `LogOptionError` at an option that a driver does not know."""
    unknown = next((name for name in options if name not in known), None)
    if unknown is not None:
        raise LogOptionError(f"unknown log opt '{unknown}' for {driver}")
