"""Who is compared: this registry, Debian's docker-registry, distribution v3 if given, and nginx as the
limit of pulls.
"""

# ruff: noqa: ARG002 - ours has no configuration file

import json
import os
import shutil
import socket
from abc import ABC, abstractmethod
from dataclasses import dataclass

from benchmarks import installation
from benchmarks.processes import Server

OURS, V2, V3, NGINX = "ours", "docker-registry", "distribution v3", "nginx"


USER, PASSWORD = "bench", "bench-password"


@dataclass(frozen=True)
class Certificate:
    """Paths of a certificate chain and its key, in PEM."""

    chain: str
    key: str


@dataclass(frozen=True)
class Access:
    """How clients reach a peer: over TLS if there is a certificate, logged in if there is a file of users."""

    certificate: Certificate | None = None
    htpasswd: str | None = None


class Peer(ABC):
    """A registry that can be started on a store of its own or on a shared one."""

    name: str
    pushes = True

    def start(self, root: str, directory: str, access: Access = Access()) -> Server:
        """Start on the store in ``root``, with configuration and log in ``directory``; return when it
        answers.
        """
        port = free_port()
        os.makedirs(directory, exist_ok=True)
        stem = os.path.join(directory, f"{self.name.replace(' ', '-')}-{port}")
        command, environment = self.command(root, port, stem, access)
        encrypted = access.certificate is not None
        return Server(self.name, command, port, f"{stem}.log", environment, encrypted=encrypted)

    @abstractmethod
    def command(self, root: str, port: int, stem: str, access: Access) -> tuple[list[str], dict[str, str]]:
        """Return command line and environment; configuration files may be written beside ``stem``."""


class Ours(Peer):
    """This checkout with the dependencies of its image, one process, settings as they are by default."""

    name = OURS

    def command(self, root: str, port: int, stem: str, access: Access) -> tuple[list[str], dict[str, str]]:
        """Run ``python -m registry_app serve``."""
        environment = {
            "REGISTRY_HTTP_ADDR": f"127.0.0.1:{port}",
            "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": root,
            "REGISTRY_LOG_LEVEL": "error",
        }
        if access.certificate is not None:
            environment["REGISTRY_HTTP_TLS_CERTIFICATE"] = access.certificate.chain
            environment["REGISTRY_HTTP_TLS_KEY"] = access.certificate.key
        if access.htpasswd is not None:
            environment["REGISTRY_AUTH_HTPASSWD_PATH"] = access.htpasswd
        return [installation.python(), "-m", "registry_app", "serve"], environment


class Distribution(Peer):
    """The reference registry with the in-memory descriptor cache that it ships with.

    It ships with a log of every request, too, which costs it a good part of its speed in small requests.
    """

    def __init__(self, name: str, binary: str, *, logs: bool) -> None:
        self.name = name
        self._binary = binary
        self._log: dict[str, object] = {} if logs else {"level": "error", "accesslog": {"disabled": True}}

    def command(self, root: str, port: int, stem: str, access: Access) -> tuple[list[str], dict[str, str]]:
        """Run ``registry serve`` with a configuration of its own."""
        http: dict[str, object] = {"addr": f"127.0.0.1:{port}", "secret": "the same for every peer"}
        if access.certificate is not None:
            http["tls"] = {"certificate": access.certificate.chain, "key": access.certificate.key}
        configuration: dict[str, object] = {
            "version": 0.1,
            "log": self._log,
            "storage": {
                "filesystem": {"rootdirectory": root},
                "cache": {"blobdescriptor": "inmemory"},
                "delete": {"enabled": True},
                "maintenance": {"uploadpurging": {"enabled": False}},
            },
            "http": http,
        }
        if access.htpasswd is not None:
            configuration["auth"] = {"htpasswd": {"realm": "bench", "path": access.htpasswd}}
        with open(f"{stem}.yml", "w", encoding="utf-8") as file:
            json.dump(configuration, file)  # JSON is YAML
        return [self._binary, "serve", f"{stem}.yml"], {"OTEL_TRACES_EXPORTER": "none"}


class Nginx(Peer):
    """Plain files by sendfile, one worker: what the kernel can do when nobody thinks."""

    name = NGINX
    pushes = False

    def command(self, root: str, port: int, stem: str, access: Access) -> tuple[list[str], dict[str, str]]:
        """Run nginx in the foreground, with blobs under the registry's own addresses."""
        tls = (
            f" ssl; ssl_certificate {access.certificate.chain}; ssl_certificate_key {access.certificate.key}"
            if access.certificate
            else ""
        )
        user = "user root;" if os.geteuid() == 0 else ""
        temporary = "\n".join(
            f"  {kind}_temp_path {stem}-{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        blobs = f"{root}/docker/registry/v2/blobs/sha256"
        with open(f"{stem}.conf", "w", encoding="utf-8") as file:
            file.write(f"""
daemon off; worker_processes 1; {user} pid {stem}.pid; error_log {stem}.log error;
events {{ worker_connections 1024; }}
http {{
{temporary}
  access_log off; sendfile on; keepalive_requests 1000000; default_type application/octet-stream;
  server {{
    listen 127.0.0.1:{port}{tls};
    location = /v2/ {{ return 200; }}
    location ~ "^/v2/.+/blobs/sha256:(..)(.*)$" {{ alias {blobs}/$1/$1$2/data; }}
  }}
}}
""")
        return ["nginx", "-c", f"{stem}.conf"], {}


def installed(*, as_shipped: bool = False) -> tuple[list[Peer], list[str]]:
    """Return the peers that this machine has, ours first, and a sentence for each that it has not.

    ``as_shipped`` leaves every peer's log as it is by default.
    """
    peers: list[Peer] = [Ours()]
    missing = []
    if shutil.which("docker-registry"):
        peers.append(Distribution(V2, "docker-registry", logs=as_shipped))
    else:
        missing.append("docker-registry is not installed (Debian: apt install docker-registry)")
    if v3 := os.environ.get("REGISTRY_V3"):
        peers.append(Distribution(V3, v3, logs=as_shipped))
    else:
        missing.append("distribution v3 is not given; set REGISTRY_V3 to the path of its binary")
    if shutil.which("nginx"):
        peers.append(Nginx())
    else:
        missing.append("nginx is not installed (Debian: apt install nginx-light)")
    return peers, missing


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
