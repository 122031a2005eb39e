"""Which registries the engine trusts, and what it says of those that it does not: the recorded pulls."""

import base64
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
    """A registry that has nothing, and remembers what it was asked for.

    With a ``login`` it asks who comes; with ``bearer`` for a token, which it gives for that login.
    """

    def __init__(self, authority: trustme.CA | None = None, *, login: str = "", bearer: bool = False) -> None:
        self.asked: list[str] = []
        basic = "Basic " + base64.b64encode(login.encode()).decode()
        wanted = "Bearer secret" if bearer else basic
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stub.asked.append(self.path)
                given = self.headers.get("Authorization", "")
                if self.path.startswith("/token"):
                    self._answer(200 if given == basic else 401, b'{"token": "secret"}')
                    return
                if login and given != wanted:
                    self._answer(401, b"")
                    return
                unknown = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
                body = b"{}" if self.path == "/v2/" else json.dumps(unknown).encode()
                self._answer(200 if self.path == "/v2/" else 404, body)

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                realm = f"http://127.0.0.1:{stub.place[1]}/token"
                if status == 401:
                    challenge = f'Bearer realm="{realm}",service="lab"' if bearer else 'Basic realm="lab"'
                    self.send_header("WWW-Authenticate", challenge)
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


@pytest.mark.parametrize("bearer", [pytest.param(False, id="basic"), pytest.param(True, id="bearer")])
def test_log_ins_are_taken_from_the_users_configuration(
    lab: EngineLab, monkeypatch: pytest.MonkeyPatch, *, bearer: bool
) -> None:
    registry = StubRegistry(login="anna:secret", bearer=bearer)
    lab.configure('{"insecure-registries": ["registry.lab:5000"]}')
    lab.put("C:\\Windows\\System32\\drivers\\etc\\hosts", f"{ADDRESS} registry.lab\n".encode())
    lab.boot()
    places = {(ADDRESS, 5000): registry.place, ("127.0.0.1", registry.place[1]): registry.place}
    monkeypatch.setattr(lab.engine.runtime, "where", lambda *place: places.get(place))
    auth = base64.b64encode(b"anna:secret").decode()
    configuration = json.dumps({"auths": {"registry.lab:5000": {"auth": auth}}})

    stranger = lab.docker("pull registry.lab:5000/lab/none:1")
    lab.put("C:\\Users\\Administrator\\.docker\\config.json", configuration.encode())
    known = lab.docker("pull registry.lab:5000/lab/none:1")

    assert ("no basic auth credentials" in stranger.err) != bearer
    assert "manifest unknown" not in stranger.err
    assert "manifest unknown" in known.err
    lab.host.shut_down()
    registry.close()
