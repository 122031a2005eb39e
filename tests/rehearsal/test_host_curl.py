"""curl.exe fetches what a host can reach, and ends with curl's own exit codes."""

import http.server
import threading
from collections.abc import Iterator

import pytest

from rehearsal.host import Host
from tests.rehearsal.shells import output, run


class Pages(http.server.BaseHTTPRequestHandler):
    """A page, a redirect to it, and nothing else."""

    def do_GET(self) -> None:
        status = {"/page": 200, "/moved": 302}.get(self.path, 404)
        self.send_response(status)
        self.send_header("Location", "/page")
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"page")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def here(host: Host) -> Host:
    """A host whose own address is that of the server."""
    host.address = "127.0.0.1"
    return host


def test_a_page_is_printed_or_written(here: Host, port: int) -> None:
    printed = output(here, f"curl.exe -fsS http://localhost:{port}/page")
    output(here, f"curl.exe -fsSL -o 'C:\\page' http://127.0.0.1:{port}/moved")

    assert printed == ["page"]
    assert output(here, f"curl.exe --silent --noproxy '*' http://localhost:{port}/page") == ["page"]
    assert here.files.read("C:\\page") == b"page"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        pytest.param("-f http://localhost:{port}/no", 22, "returned error: 404", id="HTTP error"),
        pytest.param("http://nowhere.example/", 6, "Could not resolve host", id="no such name"),
        pytest.param("http://localhost:1/", 7, "Failed to connect", id="nobody there"),
        pytest.param("ftp://localhost/", 3, "URL", id="another scheme"),
        pytest.param("--teleport http://localhost/", 2, "is unknown", id="unknown option"),
        pytest.param("-o 'C:\\no\\x' http://localhost:{port}/page", 23, "writing output", id="cannot write"),
        pytest.param("-s", 2, "no URL", id="no URL"),
    ],
)
def test_what_goes_wrong_is_the_exit_code(
    here: Host, port: int, arguments: str, code: int, says: str
) -> None:
    outcome = run(here, f"curl.exe {arguments.format(port=port)}; $LASTEXITCODE")

    assert outcome.output[-1] == code
    assert says in outcome.errors[0].message


def test_silence_is_kept(here: Host, port: int) -> None:
    outcome = run(here, f"curl.exe -sf http://localhost:{port}/no; $LASTEXITCODE")

    assert (outcome.output, outcome.errors) == ([22], [])
