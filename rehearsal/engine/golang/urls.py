"""URLs as Go parses and prints them (package net/url), as far as engine options need it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import quote_from_bytes, unquote_to_bytes

from rehearsal.engine.golang.netip import AddressError, parse_address
from rehearsal.engine.golang.quoting import quote

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.\-]*):")
_PORT = re.compile(r"(:[0-9]*)?")
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
_HOST_EXTRA = "!$&'()*+,;=:[]<>\""  # shouldEscape leaves these alone in a host
_ENCODED_PATH = re.compile(r"[A-Za-z0-9\-_.~!$&'()*+,;=:@\[\]/%]*")
_ENCODED_FRAGMENT = re.compile(r"[A-Za-z0-9\-_.~!$&'()*+,;=:@\[\]/?%]*")
_USERINFO = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")


class UrlError(ValueError):
    """The text is no URL; the message is Go's."""


@dataclass(frozen=True)
class Url:
    """A parsed URL. ``user`` is None without user information; ``password`` is None without a colon in it."""

    scheme: str = ""
    opaque: str = ""
    user: str | None = None
    password: str | None = None
    host: str = ""
    path: str = ""
    raw_path: str = ""
    omit_host: bool = False
    raw_query: str = ""
    force_query: bool = False
    fragment: str = ""
    raw_fragment: str = ""

    @property
    def hostname(self) -> str:
        """The host without port and brackets."""
        return self._split()[0]

    @property
    def port(self) -> str:
        """The port's digits, or nothing."""
        return self._split()[1]

    def _split(self) -> tuple[str, str]:
        host, port = self.host, ""
        colon = host.rfind(":")
        if colon != -1 and _PORT.fullmatch(host[colon:]):
            host, port = host[:colon], host[colon + 1 :]
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        return host, port

    def _shown_path(self) -> str:
        """The path as it was written if that is a valid encoding, else encoded anew."""
        if self.raw_path and _ENCODED_PATH.fullmatch(self.raw_path):
            return self.raw_path
        return self.path if self.path == "*" else _escape(self.path, "$&+,/:;=@")

    def with_user(self, user: str, password: str | None) -> Url:
        """Return the same URL with other user information."""
        return replace(self, user=user, password=password)

    def __str__(self) -> str:
        text = f"{self.scheme}:" if self.scheme else ""
        if self.opaque:
            text += self.opaque
        elif not self.omit_host:
            if (self.host or self.path or self.user is not None) and (
                self.scheme or self.host or self.user is not None
            ):
                text += "//"
            if self.user is not None:
                text += _escape(self.user, "$&+,;=")
                text += "" if self.password is None else ":" + _escape(self.password, "$&+,;=")
                text += "@"
            text += _escape(self.host, _HOST_EXTRA)
        text += self._shown_path() if not self.opaque else ""
        if self.force_query or self.raw_query:
            text += "?" + self.raw_query
        return text + ("#" + self._shown_fragment() if self.fragment else "")

    def _shown_fragment(self) -> str:
        if _ENCODED_FRAGMENT.fullmatch(self.raw_fragment):
            return self.raw_fragment
        return _escape(self.fragment, "$&+,/:;=?@!()*")


def _escape(text: str, safe: str) -> str:
    return quote_from_bytes(text.encode("utf-8", "surrogateescape"), safe=safe + "-_.~")


def parse(text: str) -> Url:
    """Return the URL that ``text`` spells (url.Parse), or raise `UrlError`."""
    before, _, fragment = text.partition("#")
    try:
        url = _parse(before)
    except _Reason as reason:
        raise UrlError(f"parse {quote(before)}: {reason}") from reason
    if not fragment:
        return url
    try:
        return replace(url, fragment=_unescape(fragment), raw_fragment=fragment)
    except _Reason as reason:
        raise UrlError(f"parse {quote(text)}: {reason}") from reason


class _Reason(ValueError):
    pass


def _parse(text: str) -> Url:
    if any(char < " " or char == "\x7f" for char in text):
        raise _Reason("net/url: invalid control character in URL")
    if text == "*":
        return Url(path="*")
    if text.startswith(":"):
        raise _Reason("missing protocol scheme")
    match = _SCHEME.match(text)
    scheme, rest = (match.group(1).lower(), text[match.end() :]) if match else ("", text)
    if rest.endswith("?") and rest.count("?") == 1:
        rest, query, force = rest[:-1], "", True
    else:
        rest, _, query = rest.partition("?")
        force = False
    url = Url(scheme=scheme, raw_query=query, force_query=force)
    if not rest.startswith("/"):
        if scheme:
            return replace(url, opaque=rest)
        if ":" in rest.partition("/")[0]:
            raise _Reason("first path segment in URL cannot contain colon")
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        url, rest = _with_authority(url, authority), slash + path
    elif scheme and rest.startswith("/"):
        url = replace(url, omit_host=True)
    return replace(url, path=_unescape(rest), raw_path=rest)


def _with_authority(url: Url, authority: str) -> Url:
    userinfo, at, host = authority.rpartition("@")
    url = replace(url, host=_host(url.scheme, host))
    if not at:
        return url
    if _USERINFO.fullmatch(userinfo) is None:
        raise _Reason("net/url: invalid userinfo")
    user, colon, password = userinfo.partition(":")
    return url.with_user(_unescape(user), _unescape(password) if colon else None)


def _host(scheme: str, host: str) -> str:
    bracket = host.rfind("[")
    if bracket > 0:
        raise _Reason("invalid IP-literal")
    if bracket == 0:
        return _ip_literal(host)
    first, last = host.find(":"), host.rfind(":")
    if first != -1:
        port = host[first if scheme in ("http", "https") else last :]
        if _PORT.fullmatch(port) is None:
            raise _Reason(f"invalid port {quote(port)} after host")
    return _unescape_host(host)


def _ip_literal(host: str) -> str:
    closing = host.rfind("]")
    if closing < 0:
        raise _Reason("missing ']' in host")
    port = host[closing + 1 :]
    if _PORT.fullmatch(port) is None:
        raise _Reason(f"invalid port {quote(port)} after host")
    name, zone_mark, zone = host[1:closing].partition("%25")
    literal = _unescape_host(name) + ("%" + _unescape(zone) if zone_mark else "")
    try:
        address = parse_address(literal)
    except AddressError as error:
        raise _Reason(f"invalid host: {error}") from error
    if address.version == 4:
        raise _Reason("invalid IP-literal")
    return f"[{literal}]{port}"


def _unescape(text: str) -> str:
    index = text.find("%")
    while index != -1:
        if _ESCAPE.match(text, index) is None:
            raise _Reason(f"invalid URL escape {quote(_three_bytes(text, index))}")
        index = text.find("%", index + 3)
    return unquote_to_bytes(text).decode("utf-8", "surrogateescape")


def _three_bytes(text: str, index: int) -> str:
    following = text[index : index + 3].encode("utf-8", "surrogateescape")
    return following[:3].decode("utf-8", "surrogateescape")


def _unescape_host(text: str) -> str:
    index = 0
    while index < len(text):
        char = text[index]
        if char == "%":
            escape = text[index : index + 3]
            if _ESCAPE.fullmatch(escape) is None or (int(escape[1], 16) < 8 and escape != "%25"):
                raise _Reason(f"invalid URL escape {quote(_three_bytes(text, index))}")
            index += 3
            continue
        if char < "\x80" and not (char.isalnum() or char in "-_.~" or char in _HOST_EXTRA):
            raise _Reason(f"invalid character {quote(char)} in host name")
        index += 1
    return unquote_to_bytes(text).decode("utf-8", "surrogateescape")
