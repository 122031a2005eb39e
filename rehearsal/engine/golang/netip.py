"""Addresses, networks and host:port pairs as Go reads them (packages net/netip and net)."""

from __future__ import annotations

import ipaddress
import re

from rehearsal.engine.golang.quoting import quote

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HEX_FIELD = re.compile(r"[0-9a-fA-F]*")


_ZONE_SIGNS = str.maketrans("/%", "__")
"""What Go takes in the zone of an address and Python does not."""


class AddressError(ValueError):
    """The text is no address; the message is Go's."""


def parse_address(text: str) -> Address:
    """Return the address that ``text`` spells (netip.ParseAddr)."""
    for char in text:
        if char == ".":
            return ipaddress.IPv4Address(_ipv4_fields(text, text))
        if char == ":":
            return _ipv6(text)
        if char == "%":
            raise _fail(text, "missing IPv6 address")
    raise _fail(text, "unable to parse IP")


def _fail(text: str, what: str, at: str = "") -> AddressError:
    where = f" (at {quote(at)})" if at else ""
    return AddressError(f"ParseAddr({quote(text)}): {what}{where}")


def _ipv4_fields(whole: str, part: str) -> bytes:
    fields = [0]
    digits = 0
    for index, char in enumerate(part):
        if char in "0123456789":
            if digits == 1 and fields[-1] == 0:
                raise _fail(whole, "IPv4 field has octet with leading zero")
            fields[-1] = fields[-1] * 10 + int(char)
            digits += 1
            if fields[-1] > 255:
                raise _fail(whole, "IPv4 field has value >255")
        elif char == ".":
            if index in (0, len(part) - 1) or part[index - 1] == ".":
                raise _fail(whole, "IPv4 field must have at least one digit", part[index:])
            if len(fields) == 4:
                raise _fail(whole, "IPv4 address too long")
            fields.append(0)
            digits = 0
        else:
            raise _fail(whole, "unexpected character", part[index:])
    if len(fields) < 4:
        raise _fail(whole, "IPv4 address too short")
    return bytes(fields)


def _ipv6(text: str) -> ipaddress.IPv6Address:
    rest, percent, zone = text.partition("%")
    if percent and not zone:
        raise _fail(text, "zone must be a non-empty string")
    suffix = f"%{zone.translate(_ZONE_SIGNS)}" if zone else ""
    octets = bytearray()
    ellipsis = -1
    if rest.startswith("::"):
        ellipsis = 0
        rest = rest[2:]
        if not rest:
            return ipaddress.IPv6Address("::" + suffix)
    while len(octets) < 16:
        match = _HEX_FIELD.match(rest)
        length = match.end() if match else 0
        if length > 4:
            raise _fail(text, "each group must have 4 or less digits", rest)
        if length == 0:
            raise _fail(text, "each colon-separated field must have at least one digit", rest)
        if rest[length : length + 1] == ".":
            octets += _embedded_ipv4(text, rest, len(octets), ellipsis)
            rest = ""
            break
        octets += int(rest[:length], 16).to_bytes(2, "big")
        rest = rest[length:]
        if not rest:
            break
        if rest[0] != ":":
            raise _fail(text, "unexpected character, want colon", rest)
        if rest == ":":
            raise _fail(text, "colon must be followed by more characters", rest)
        rest = rest[1:]
        if rest[0] == ":":
            if ellipsis >= 0:
                raise _fail(text, "multiple :: in address", rest)
            ellipsis = len(octets)
            rest = rest[1:]
            if not rest:
                break
    address = ipaddress.IPv6Address(_expanded(text, octets, ellipsis, rest))
    return ipaddress.IPv6Address(f"{address}{suffix}")


def _embedded_ipv4(text: str, rest: str, filled: int, ellipsis: int) -> bytes:
    if ellipsis < 0 and filled != 12:
        raise _fail(text, "embedded IPv4 address must replace the final 2 fields of the address", rest)
    if filled + 4 > 16:
        raise _fail(text, "too many hex fields to fit an embedded IPv4 at the end of the address", rest)
    return _ipv4_fields(text, rest)


def _expanded(text: str, octets: bytearray, ellipsis: int, rest: str) -> bytes:
    if rest:
        raise _fail(text, "trailing garbage after address", rest)
    if len(octets) < 16:
        if ellipsis < 0:
            raise _fail(text, "address string too short")
        zeros = bytes(16 - len(octets))
        return bytes(octets[:ellipsis] + zeros + octets[ellipsis:])
    if ellipsis >= 0:
        raise _fail(text, "the :: must expand to at least one field of zeros")
    return bytes(octets)


def parse_prefix(text: str) -> Network:
    """Return the network that ``text`` spells, host bits cleared (netip.ParsePrefix, Masked)."""
    address_text, slash, bits = text.rpartition("/")

    def fail(what: str) -> AddressError:
        return AddressError(f"netip.ParsePrefix({quote(text)}): {what}")

    if not slash:
        raise fail("no '/'")
    try:
        address = parse_address(address_text)
    except AddressError as error:
        raise fail(str(error)) from error
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id:
        raise fail("IPv6 zones cannot be present in a prefix")
    if not bits or not bits.isascii() or not bits.isdigit() or (len(bits) > 1 and bits[0] == "0"):
        raise fail(f"bad bits after slash: {quote(bits)}")
    if int(bits) > address.max_prefixlen:
        raise fail("prefix length out of range")
    return ipaddress.ip_network(f"{address}/{bits}", strict=False)


def is_address(text: str) -> bool:
    """Whether ``text`` spells an address without a zone (net.ParseIP is not nil)."""
    try:
        address = parse_address(text)
    except AddressError:
        return False
    return not (isinstance(address, ipaddress.IPv6Address) and address.scope_id)


def split_host_port(text: str) -> tuple[str, str]:
    """Return host and port (net.SplitHostPort)."""

    def fail(what: str) -> AddressError:
        return AddressError(f"address {text}: {what}" if text else what)

    colon = text.rfind(":")
    if colon < 0:
        raise fail("missing port in address")
    if text.startswith("["):
        end = text.find("]")
        if end < 0:
            raise fail("missing ']' in address")
        if end + 1 == len(text):
            raise fail("missing port in address")
        if end + 1 != colon:
            raise fail("too many colons in address" if text[end + 1] == ":" else "missing port in address")
        host, opened, closed = text[1:end], 1, end + 1
    else:
        host, opened, closed = text[:colon], 0, 0
        if ":" in host:
            raise fail("too many colons in address")
    if "[" in text[opened:]:
        raise fail("unexpected '[' in address")
    if "]" in text[closed:]:
        raise fail("unexpected ']' in address")
    return host, text[colon + 1 :]


def join_host_port(host: str, port: str) -> str:
    """Return ``host:port``, with brackets around an IPv6 address (net.JoinHostPort)."""
    return f"[{host}]:{port}" if ":" in host or "%" in host else f"{host}:{port}"


def bare_host(text: str) -> str:
    """Return the host of ``host[:port]``, spelt as it is and without brackets."""
    try:
        return split_host_port(text)[0]
    except AddressError:
        return text.removeprefix("[").removesuffix("]")
