"""What clients send that should not have been let near a keyboard."""

from hypothesis import strategies as st

from tests.registry.content import digest_of

KNOWN = b"content that is there"
DIGEST = digest_of(KNOWN).encode()

METHODS = st.sampled_from([b"GET", b"HEAD", b"PUT", b"POST", b"PATCH", b"DELETE", b"OPTIONS"])
ODD_METHODS = st.sampled_from([b"BREW", b"get", b"TRACE", b"CONNECT", b"PRI", b"X" * 300, b"G\x00T"])

_NAMES = [
    b"labs",
    b"fuzz/deep/er",
    b"a" * 255,
    b"a" * 256,
    b"a/" * 127 + b"a",
    b"UPPER",
    b"-a",
    b"a--b",
    b"a__b",
    b"_layers",
]
_ESCAPES = [
    b"..",
    b".",
    b"%2e%2e",
    b"%2f",
    b"..%2f..%2f..%2fetc%2fpasswd",
    b"%00",
    b"\\..\\..",
    b"C:",
    b"~",
    b"%",
    b"%zz",
]
_WORDS = [
    b"v2",
    b"blobs",
    b"uploads",
    b"manifests",
    b"tags",
    b"list",
    b"referrers",
    b"_catalog",
    b"",
    b"token",
]
DIGESTS = st.sampled_from(
    [
        DIGEST,
        b"sha256:" + b"0" * 64,
        b"sha256:" + b"0" * 63,
        b"sha256:" + b"A" * 64,
        b"SHA256:" + b"0" * 64,
        b"sha512:" + b"0" * 128,
        b"sha256:../../../../../../etc/passwd",
        b"sha256:%2e%2e%2f",
        b"md5:d41d8cd98f00b204e9800998ecf8427e",
        b"sha256:",
        b":",
        b"sha256+b64:AAAA",
        b"sha256:" + b"0" * 5000,
    ]
)
TAGS = st.sampled_from(
    [
        b"v1",
        b"latest",
        b"v1.",
        b".hidden",
        b"a" * 128,
        b"a" * 129,
        b"aux",
        b"\xc3\xa9",
        b"a b",
        b"-x",
        b"x%20y",
        b"...",
    ]
)
SEGMENTS = st.one_of(
    st.sampled_from(_NAMES + _ESCAPES + _WORDS),
    DIGESTS,
    TAGS,
    st.binary(max_size=12).map(lambda raw: bytes(byte for byte in raw if byte not in b" \r\n?#")),
)
NAMES = st.one_of(st.sampled_from(_NAMES), SEGMENTS)
NUMBERS = st.sampled_from(
    [
        b"0",
        b"1",
        b"-1",
        b"10",
        b"9" * 30,
        b"9" * 5000,
        b"1e3",
        b"0x10",
        b"",
        b"NaN",
        b"\xd9\xa1",
        b"+1",
        b"1_0",
    ]
)
UUIDS = st.sampled_from([b"00000000-0000-0000-0000-000000000000", b"..", b"x", b"%2e%2e", b"0" * 32, b""])
PATHS = st.one_of(
    st.builds(lambda n: b"/v2/" + n + b"/tags/list", NAMES),
    st.builds(lambda n, d: b"/v2/" + n + b"/blobs/" + d, NAMES, DIGESTS),
    st.builds(lambda n, d: b"/v2/" + n + b"/referrers/" + d, NAMES, DIGESTS),
    st.builds(lambda n, t: b"/v2/" + n + b"/manifests/" + t, NAMES, TAGS | DIGESTS | SEGMENTS),
    st.builds(lambda n: b"/v2/" + n + b"/blobs/uploads/", NAMES),
    st.builds(lambda n, u: b"/v2/" + n + b"/blobs/uploads/" + u, NAMES, UUIDS),
    st.lists(SEGMENTS, max_size=8).map(lambda parts: b"/" + b"/".join(parts)),
    st.lists(SEGMENTS, max_size=8).map(lambda parts: b"/v2/" + b"/".join(parts)),
    st.just(b"/v2/_catalog"),
)
_KEYS = [
    b"digest",
    b"mount",
    b"from",
    b"n",
    b"last",
    b"tag",
    b"digest-algorithm",
    b"ns",
    b"artifactType",
    b"_state",
    b"",
]
_VALUES = st.one_of(
    DIGESTS, NUMBERS, TAGS, NAMES, st.sampled_from([b"sha256", b"sha512", b"md5", b"%ff%fe", b"a" * 3000])
)
QUERIES = st.lists(st.tuples(st.sampled_from(_KEYS), _VALUES), max_size=4).map(
    lambda pairs: b"?" + b"&".join(key + b"=" + value for key, value in pairs) if pairs else b""
)
_RANGES = [
    b"0-0",
    b"0-",
    b"-1",
    b"5-1",
    b"bytes=0-0",
    b"bytes=-0",
    b"bytes=-5",
    b"bytes=5-1",
    b"bytes=0-1,3-4",
    b"bytes=" + b"9" * 400 + b"-",
    b"bytes=a-b",
    b"bytes=0-" + b"9" * 5000,
    b"bytes 0-5/6",
    b"0-18446744073709551616",
    b"\xff",
    b"bytes=\xd9\xa1-",
]
_FIELDS = st.one_of(
    st.tuples(st.sampled_from([b"Range", b"Content-Range", b"If-Range"]), st.sampled_from(_RANGES)),
    st.tuples(
        st.sampled_from([b"Content-Type", b"Accept"]),
        st.sampled_from(
            [
                b"application/vnd.oci.image.manifest.v1+json",
                b"*/*",
                b"",
                b"text/html",
                b";;;",
                b"a/b;q=x",
                b"a" * 2000,
                b"\xff/\xfe",
            ]
        ),
    ),
    st.tuples(
        st.sampled_from([b"If-None-Match", b"If-Match", b"If-Modified-Since"]),
        st.sampled_from([b"*", b'"', b'"' + DIGEST + b'"', b"W/", b",,,", b"Thu, 99 Foo 2099", b"\xff"]),
    ),
    st.tuples(
        st.just(b"Authorization"),
        st.sampled_from([b"Basic", b"Basic !!!", b"Bearer ", b"Basic \xff", b"x" * 3000]),
    ),
    st.tuples(st.just(b"Expect"), st.sampled_from([b"100-continue", b"nonsense"])),
    st.tuples(
        st.sampled_from([b"X-Odd", b"Cookie", b"Host", b"X-Forwarded-Proto", b"Forwarded", b"OCI-Namespace"]),
        st.binary(max_size=30).map(lambda raw: bytes(byte for byte in raw if byte not in b"\r\n\0")),
    ),
)
FIELDS = st.lists(_FIELDS, max_size=5)
BODIES = st.one_of(st.just(b""), st.just(KNOWN), st.just(b"{}"), st.binary(max_size=200))


def request(method: bytes, target: bytes, fields: list[tuple[bytes, bytes]], body: bytes) -> bytes:
    """Return a request that is framed as it should be, whatever it holds."""
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: registry.test", b"Connection: close"]
    lines += [name + b": " + value for name, value in fields]
    lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
