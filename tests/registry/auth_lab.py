"""A registry as its own process, with users, rules, certificates and an audit log; and a client for it."""

import base64
import hashlib
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bcrypt
import httpx

RULES = """
[groups]
teachers = ["tess"]

[[rules]]
who = ["@anonymous"]
may = ["pull"]
repositories = ["labs/**"]

[[rules]]
who = ["@teachers"]
may = ["pull", "push", "delete"]
repositories = ["**"]

[[rules]]
who = ["@users"]
may = ["pull", "push"]
repositories = ["students/{user}/**"]
"""
_SYSTEM = ssl.create_default_context()
"""Made once: it takes longer than everything else a client does."""

PASSWORDS = {"tess": "teach-me", "sam": "sam-secret", "sue": "sue-secret"}


def htpasswd(passwords: dict[str, str]) -> str:
    """The file of users, with hashes as cheap as bcrypt has them."""
    return "".join(
        f"{user}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()}\n"
        for user, password in passwords.items()
    )


@dataclass
class RunningRegistry:
    """A registry that runs, and the directory that holds all of its files."""

    folder: Path
    port: int
    scheme: str
    process: subprocess.Popen[str]
    output: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.address}"

    @property
    def audit(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "audit.jsonl").read_text().splitlines()]

    def client(self, user: str | None = None, trust: ssl.SSLContext | None = None) -> httpx.Client:
        """A client that sends user and password with each request, or nothing."""
        auth = (user, PASSWORDS[user]) if user else None
        return httpx.Client(base_url=self.url, auth=auth, timeout=30, verify=trust or _SYSTEM)


@contextmanager
def running_registry(folder: Path, **settings: str) -> Iterator[RunningRegistry]:
    """Run ``python -m registry_app serve`` with these settings; ``REGISTRY_`` is put before their names."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    environment |= {
        "REGISTRY_HTTP_ADDR": "127.0.0.1:0",
        "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(folder / "data"),
        **{f"REGISTRY_{name}": value for name, value in settings.items()},
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "registry_app", "serve"], env=environment, stderr=subprocess.PIPE, text=True
    )
    output: list[str] = []
    listening = threading.Event()

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            output.append(line)
            if "listening on" in line:
                listening.set()
        listening.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert listening.wait(30)
        match = re.search(r"port (\d+)", "".join(output))
        assert match, "".join(output)
        scheme = "https" if "HTTP_TLS_CERTIFICATE" in settings else "http"
        registry = RunningRegistry(folder, int(match[1]), scheme, process, output)
        # Its socket takes connections before it can be stopped gracefully.
        wait_until(lambda: _can_be_stopped(process.pid))
        yield registry
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        finally:
            process.kill()
            reader.join()
    assert process.returncode == 0, "".join(output)
    assert "Traceback" not in "".join(output)


def _can_be_stopped(process_id: int) -> bool:
    """Whether the process has a handler for SIGTERM."""
    status = Path(f"/proc/{process_id}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


@contextmanager
def classroom(folder: Path, **settings: str) -> Iterator[RunningRegistry]:
    """A registry with the users of `PASSWORDS`, the `RULES`, and an audit log."""
    (folder / "htpasswd").write_text(htpasswd(PASSWORDS))
    (folder / "rules.toml").write_text(RULES)
    files = {
        "AUTH_HTPASSWD_PATH": str(folder / "htpasswd"),
        "AUTH_RULES_PATH": str(folder / "rules.toml"),
        "AUDIT_PATH": str(folder / "audit.jsonl"),
    }
    with running_registry(folder, **{**files, **settings}) as registry:
        yield registry


def push_image(
    client: httpx.Client, repository: str, tag: str = "latest", config: bytes = b"{}"
) -> httpx.Response:
    """Push the smallest image there is; return the answer to its manifest."""
    digest = push_blob(client, repository, config)
    descriptor = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest, "size": len(config)}
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor,
        "layers": [descriptor],
    }
    return client.put(
        f"/v2/{repository}/manifests/{tag}",
        content=json.dumps(manifest),
        headers={"Content-Type": str(manifest["mediaType"])},
    )


def push_blob(client: httpx.Client, repository: str, content: bytes) -> str:
    """Push a blob in one request; return its digest."""
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    client.post(
        f"/v2/{repository}/blobs/uploads/", params={"digest": digest}, content=content
    ).raise_for_status()
    return digest


def basic(user: str, password: str) -> dict[str, str]:
    """The header that carries user and password."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
