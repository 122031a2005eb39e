"""Which registries the engine trusts, and what it says of those that it does not: the recorded pulls."""

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.rehearsal.engine_lab import EngineLab

RECORDED = Path(__file__).parents[1] / "recorded"
PULLS = json.loads((RECORDED / "start.json").read_text(encoding="utf-8"))["registries"]
ADDRESS = "172.24.194.96"
Case = dict[str, Any]


class StubRegistry:
    """A registry that has nothing, and remembers what it was asked for."""

    def __init__(self, authority: trustme.CA | None = None) -> None:
        self.asked: list[str] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stub.asked.append(self.path)
                unknown = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
                body = b"{}" if self.path == "/v2/" else json.dumps(unknown).encode()
                self.send_response(200 if self.path == "/v2/" else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if authority is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(ADDRESS).configure_cert(context)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def place(self) -> tuple[str, int]:
        return "127.0.0.1", int(self.server.server_address[1])

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def lab(tmp_path: Path) -> EngineLab:
    return EngineLab(tmp_path)


class Stubs:
    """The two registries of the recording, and where its addresses are here."""

    def __init__(self, authority: trustme.CA) -> None:
        self.secure, self.plain = StubRegistry(authority), StubRegistry()
        self.places = {
            (ADDRESS, 5000): self.secure.place,
            (ADDRESS, 5001): self.plain.place,
            ("127.0.0.1", 5001): self.plain.place,
        }


@pytest.fixture
def stubs(authority: trustme.CA) -> Iterator[Stubs]:
    stubs = Stubs(authority)
    yield stubs
    stubs.secure.close()
    stubs.plain.close()


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in PULLS])
def test_a_pull_ends_as_the_recorded_one(
    case: Case,
    lab: EngineLab,
    authority: trustme.CA,
    stubs: Stubs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lab.configure(case["daemon_json"])
    for name in case["certs_d"]:
        content = b"" if "empty" in case["title"] else authority.cert_pem.bytes()
        lab.put("C:\\ProgramData\\docker\\certs.d\\" + name.replace("/", "\\"), content)
    lab.boot()
    monkeypatch.setattr(lab.engine.runtime, "where", lambda *place: stubs.places.get(place))

    result = lab.docker(f"pull {case['pull']}")

    assert result.code == case["exit_code"]
    assert bool(stubs.secure.asked + stubs.plain.asked) == case["reached_registry"]
    if case["pull"] != "hello-world:latest":  # Docker Hub was out of reach when this was recorded
        assert result.err.rstrip("\n") in (case["message"], case.get("message_windows"))
    lab.host.shut_down()


def test_a_mirror_in_capitals_is_asked_over_https_under_a_senseless_name(
    lab: EngineLab, stubs: Stubs
) -> None:
    lab.configure(f'{{"registry-mirrors": ["HTTP://{ADDRESS}:5001"]}}')
    lab.boot()

    lab.docker("pull sixeyed/hello-world:nanoserver")

    assert stubs.plain.asked == []
    lab.host.shut_down()
