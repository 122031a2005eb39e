r"""What single values may look like, by the rules that dockerd on Windows was recorded to follow.

Each check returns the value unchanged or raises `ValueError` saying what is wrong and what to write instead.
``dockerd --validate`` finds less than half of this (``validate.json``): the rest stops the engine at its
start, or is ignored in silence, which is worse.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import quote, urlsplit

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*")
_WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/][^<>:\"|?*]*")
_SIZE = re.compile(r"[0-9]+(?:\.[0-9]+)? ?(?:[kmgtp](?:i?b)?|b)?", re.IGNORECASE)
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DOMAIN = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*\.?"
)
_PREFIX_LENGTH = re.compile(r"0|[1-9][0-9]{0,2}")
_SPAN = re.compile(r"([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+")
_API_VERSION = re.compile(r"1\.(2[4-9]|[34][0-9]|5[0-6])")
_RESERVED_LABELS = ("com.docker.", "io.docker.", "org.dockerproject.")
_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
_UNSAFE_IN_ACCOUNT = re.compile(r"[^A-Za-z0-9._~!$&()*+;=:%@-]")
"""What Go's ``net/url`` takes for no user and password, and ``,`` and ``'``."""

_AFTER_HOST = re.compile(r"[/?#]")
_PIPE = re.compile(r"//\./pipe/[^/\\]+")


def plain_text(value: str) -> str:
    """Refuse what no option can hold: nothing, control characters, and blanks at either end."""
    if not value:
        raise ValueError("is empty; leave it out")
    if control := _CONTROL.search(value):
        backslashed = {"\t": r"\t", "\n": r"\n", "\r": r"\r", "\b": r"\b", "\f": r"\f"}.get(control[0])
        hint = f" (in JSON, {backslashed} is one character: double the backslash)" if backslashed else ""
        raise ValueError(f"{value!r} contains a control character{hint}")
    if value != value.strip():
        raise ValueError(f"{value!r} begins or ends with a blank; write {value.strip()!r}")
    return value


def windows_path(value: str) -> str:
    r"""Refuse all but an absolute path with a drive, such as ``D:\docker``: a service starts in System32."""
    plain_text(value)
    if not _WINDOWS_PATH.fullmatch(value):
        raise ValueError(rf"{value!r} is no absolute Windows path; write it with its drive, as in D:\docker")
    return value


def host_port(value: str) -> tuple[str, int | None]:
    """Return host and port of ``host``, ``host:port`` or ``[ipv6]:port``; raise `ValueError` for the rest."""
    if value.startswith("["):
        inner, _, rest = value[1:].partition("]")
        if not _is_address(inner, 6) or "%" in inner:
            raise ValueError(f"{inner!r} is no IPv6 address")
        return inner, _port(rest.removeprefix(":"), value) if rest else None
    host, colon, port = value.partition(":")
    if not _HOST.fullmatch(host):
        raise ValueError(f"{host!r} is no host name or address")
    return host, _port(port, value) if colon else None


def insecure_registry(value: str) -> str:
    """Check one entry of ``insecure-registries``: ``host:port`` as in image names, or a whole network."""
    plain_text(value)
    if "," in value:
        raise ValueError(f"{value!r} holds several entries; write a list of {value.count(',') + 1}")
    if "://" in value:
        bare = value.partition("://")[2].rstrip("/")
        raise ValueError(f"no scheme here: write {bare!r}, as the registry is called in image names")
    if "/" in value:
        return _insecure_network(value)
    if _is_address(value, 6):
        raise ValueError(
            f"{value!r} would never match; write '[{value}]:5000', or '{value}/128' for every port"
        )
    if "*" in value:
        raise ValueError("no wildcards: name each registry, or a network such as '172.24.0.0/16'")
    host_port(value)
    return value


def registry_mirror(value: str) -> str:
    """Check one entry of ``registry-mirrors``: a URL, the opposite of an insecure registry."""
    plain_text(value)
    scheme, separator, rest = value.partition("://")
    if not separator:
        raise ValueError(f"a mirror needs its scheme: write 'http://{value}' or 'https://{value}'")
    if scheme not in {"http", "https"}:
        if scheme.lower() in {"http", "https"}:
            raise ValueError(f"write the scheme in small letters: '{scheme.lower()}://{rest}'")
        raise ValueError(f"unsupported scheme {scheme!r}: write http:// or https://")
    parts = urlsplit(value)
    if "@" in parts.netloc:
        raise ValueError("no user or password in a mirror's address")
    if "?" in value or "#" in value:
        raise ValueError("no query and no fragment in a mirror's address")
    if not parts.netloc:
        raise ValueError(f"{value!r} names no host")
    host_port(parts.netloc)
    if _PERCENT.search(value):
        raise ValueError("a % must begin an escape of two hexadecimal digits; for the sign itself write %25")
    return value


def proxy(value: str) -> str:
    """Check the address of a proxy; it may hold a password, so no message repeats it.

    Go's client reads ``proxy:3128`` as if it began with ``http://``, but ``docker info`` then hides no
    password in it; and what ends a word in a command line or in JSON is escaped in a password, so that what
    is shown of it can be hidden for certain.
    """
    if not value.isprintable() or not value:
        raise ValueError("a proxy's address is one line of text; leave it out if there is none")
    scheme, separator, rest = value.partition("://")
    if not separator or scheme not in _PROXY_SCHEMES:
        raise ValueError("a proxy's address begins with http://, https://, socks5:// or socks5h://")
    account, _, place = rest.rpartition("@")
    if unsafe := _UNSAFE_IN_ACCOUNT.search(account):
        raise ValueError(
            f"user and password may not hold {unsafe[0]!r} as it is: write {quote(unsafe[0], safe='')} for it"
        )
    if _PERCENT.search(value):
        raise ValueError("a % must begin an escape of two hexadecimal digits; for the sign itself write %25")
    host_port(_AFTER_HOST.split(place)[0])
    return value


def listen_address(value: str) -> str:
    """Check one entry of ``hosts``: a named pipe, a TCP address with its port, or a socket's path."""
    plain_text(value)
    protocol, separator, address = value.partition("://")
    if not separator:
        protocol, address = "tcp", value
    match protocol:
        case "npipe":
            if address and not _PIPE.fullmatch(address):
                name = address.rstrip("/").rpartition("/")[2] or "docker_engine"
                raise ValueError(
                    f"a pipe is written 'npipe:////./pipe/{name}', or 'npipe://' for the usual one"
                )
        case "tcp":
            _tcp_address(value, address)
        case "unix":
            windows_path(address)
        case "fd":
            raise ValueError("fd:// is for systemd; on Windows write 'npipe://'")
        case _:
            raise ValueError(f"unsupported protocol {protocol!r}: write npipe://, tcp:// or unix://")
    return value


def is_tcp(address: str) -> bool:
    """Say whether an entry of ``hosts`` listens on TCP; without a scheme it does."""
    return address.partition("://")[0] == "tcp" or "://" not in address


def label(value: str) -> str:
    """Check one engine label, ``key=value``."""
    plain_text(value)
    if not value.partition("=")[1] or value.startswith("="):
        raise ValueError(f"a label is written 'key=value', not {value!r}")
    if value.lower().startswith(_RESERVED_LABELS):
        raise ValueError(
            "names that begin with com.docker., io.docker. or org.dockerproject. are Docker's own"
        )
    return value


def storage_option(value: str) -> str:
    """Check one entry of ``storage-opts``: on Windows only ``size`` has an effect."""
    name, _, size = plain_text(value).partition("=")
    if name.lower() != "size":
        raise ValueError(f"{name!r} has no effect on Windows; the only storage option is 'size=40GB'")
    if not is_size(size):
        raise ValueError(f"{size!r} is no size; write 'size=40GB'")
    return value


def is_size(value: str) -> bool:
    """Say whether dockerd reads a text as a size, such as ``40GB``, ``1.5g`` or ``500 MiB``."""
    return _SIZE.fullmatch(value) is not None


def size(value: str) -> str:
    """Refuse all but a size."""
    if not is_size(plain_text(value)):
        raise ValueError(f"{value!r} is no size; write it as '20GB'")
    return value


def account_names(value: str) -> str:
    """Check ``group``: names of users or groups with commas between them."""
    plain_text(value)
    if not all(name.strip() for name in value.split(",")):
        raise ValueError(f"{value!r} has a comma too many; write the names with one comma between them")
    return value


def generic_resource(value: str) -> str:
    """Check one entry of ``node-generic-resources``, ``GPU=UUID1`` or ``SSD=3``."""
    name, _, amount = value.partition("=")
    if not re.fullmatch(r"[^=\s]+=[^=\s]+", value):
        raise ValueError(f"a resource is written 'GPU=UUID1' or 'SSD=3', not {value!r}")
    if re.fullmatch(r"-[0-9]+", amount):
        raise ValueError(f"a node cannot have {amount} of {name}; write a number from 0 on")
    return value


def cache_filter(value: str) -> str:
    """Check one filter of a rule by which the builder throws cache away: ``until=48h``, ``type=…``."""
    name, equals, wanted = plain_text(value).partition("=")
    if not equals:
        raise ValueError(f"a filter is written 'until=48h' or 'type=regular', not {value!r}")
    if name in ("until", "unused-for") and not _SPAN.fullmatch(wanted):
        raise ValueError(f"{wanted!r} is no span of time; write '{name}=48h'")
    return value


def api_version(value: str) -> str:
    """Check ``min-api-version``: a version that engines of today still serve."""
    if not _API_VERSION.fullmatch(value):
        raise ValueError(f"{value!r} is no API version from 1.24 to 1.56; write it as '1.44'")
    return value


def exec_option(value: str) -> str:
    """Check one entry of ``exec-opts``: on Windows only ``isolation``."""
    name, equals, chosen = plain_text(value).partition("=")
    if name.strip().lower() != "isolation" or not equals:
        raise ValueError(
            f"{value!r} is not known on Windows; the only one is 'isolation=process' (or hyperv, default)"
        )
    if chosen.strip().lower() not in {"process", "hyperv", "default"}:
        raise ValueError(f"isolation is process, hyperv or default, not {chosen!r}")
    return value


def ip_address(value: str) -> str:
    """Refuse all but an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise ValueError(f"{value!r} is no IP address (names are not looked up here)") from None
    return value


def ipv4_address(value: str) -> str:
    """Refuse all but one IPv4 address."""
    if not _is_address(value, 4):
        raise ValueError(f"{value!r} is no IPv4 address")
    return value


def search_domain(value: str) -> str:
    """Check one entry of ``dns-search``: a domain, or ``.`` for none."""
    if value == ".":
        return value
    if not _DOMAIN.fullmatch(value) or not re.search("[A-Za-z]", value) or len(value.rstrip(".")) > 254:
        raise ValueError(
            f"{value!r} is no domain: letters, digits, hyphens and dots, and a letter among them"
        )
    return value


def socket_address(value: str) -> str:
    """Check an address to serve on, ``host:port``."""
    host, colon, port = plain_text(value).rpartition(":")
    if not colon:
        raise ValueError(f"{value!r} has no port; write '127.0.0.1:9323'")
    _port(port, value)
    if host:
        host_port(host)
    return value


def ipv4_network(value: str) -> str:
    """Refuse all but an IPv4 network whose address fits its length, such as ``172.24.192.0/20``."""
    try:
        network = ipaddress.IPv4Network(value, strict=False)
    except ValueError:
        raise ValueError(f"{value!r} is no IPv4 network; write it as '172.24.192.0/20'") from None
    if "/" not in value:
        raise ValueError(f"{value!r} has no prefix length; write it as '172.24.192.0/20'")
    if str(network) != value:
        raise ValueError(f"{value!r} is an address within a network; write the network, '{network}'")
    return value


def _insecure_network(value: str) -> str:
    network, _, port = value.partition("/")
    if ":" in port:
        raise ValueError(f"a network covers every port: write '{value.rpartition(':')[0]}'")
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError(
            f"no path and no closing slash: write {network!r}, or a network as '172.24.0.0/16'"
        ) from None
    if "%" in network or not _PREFIX_LENGTH.fullmatch(port):
        raise ValueError(f"{value!r} is no network; write it as '172.24.0.0/16'")
    return value


def _tcp_address(value: str, address: str) -> None:
    if value.startswith(("npipe:/", "tcp:/", "unix:/")) and "://" not in value:
        scheme, _, rest = value.partition(":")
        raise ValueError(f"two slashes after the colon: write '{scheme}://{rest.lstrip('/')}'")
    if "/" in address:
        raise ValueError(f"no path and no closing slash: write 'tcp://{address.partition('/')[0]}'")
    if address.startswith(("*", ":")) or not address:
        raise ValueError("write the address to listen on, as in 'tcp://0.0.0.0:2375' for every IPv4 address")
    _, port = host_port(address)
    if not port:
        raise ValueError(f"{value!r} has no port; write 'tcp://0.0.0.0:2375'")


def _port(text: str, whole: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise ValueError(f"{whole!r} has a bad port: write a number from 1 to 65535 after the colon")
    return int(text)


def _is_address(text: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False
