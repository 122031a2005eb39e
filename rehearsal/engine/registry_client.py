"""A registry as the engine speaks to it: end points by trust, authentication, errors."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urljoin

from rehearsal.engine.registry_transport import Network, Response, TransportError, Trusted, request

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
MANIFEST_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class RegistryFailure(Exception):
    """The registry refused; ``code`` is the specification's error code in docker's spelling."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.status = status
        self.code = code
        self.message = message


class NoCredentials(Exception):
    """The registry asks who we are, and no one ever logged in."""


@dataclass(frozen=True)
class EndPoint:
    """One place to try: its URL without path, and whose certificates are believed there."""

    url: str
    trusted: Trusted
    mirror: bool = False


@dataclass(frozen=True)
class Credentials:
    """User and password of one registry."""

    user: str
    password: str

    @property
    def basic(self) -> str:
        """The header's value."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


class RegistryClient:
    """Requests to one end point for one repository."""

    def __init__(
        self,
        network: Network,
        end_point: EndPoint,
        repository: str,
        credentials: Credentials | None,
        actions: str,
    ) -> None:
        self._network = network
        self._end_point = end_point
        self._repository = repository
        self._credentials = credentials
        self._scope = f"repository:{repository}:{actions}"
        self._authorization = ""

    def ping(self) -> None:
        """Find out whether this is a registry; raises `TransportError`."""
        response = self._send("GET", f"{self._end_point.url}/v2/", {}, b"")
        if response.status == 401:
            self._answer_challenge(response)

    def call(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        expected: Sequence[int] = (200,),
    ) -> Response:
        """Send a request below the repository (or to a full URL) and return the answer.

        Raises `RegistryFailure` for an unexpected status.
        """
        url = path if "://" in path else f"{self._end_point.url}/v2/{self._repository}/{path}"
        response = self._send(method, url, headers or {}, body)
        if response.status == 401:
            self._answer_challenge(response)
            response = self._send(method, url, headers or {}, body)
        if response.status not in expected:
            raise _failure(response)
        return response

    def location(self, response: Response) -> str:
        """Return where an upload goes on."""
        return urljoin(f"{self._end_point.url}/", response.header("location"))

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        sent = {**headers, **({"Authorization": self._authorization} if self._authorization else {})}
        return request(self._network, self._end_point.trusted, method, url, headers=sent, body=body)

    def _answer_challenge(self, response: Response) -> None:
        challenge = response.header("www-authenticate")
        if challenge.lower().startswith("basic"):
            if self._credentials is None:
                raise NoCredentials("no basic auth credentials")
            self._authorization = self._credentials.basic
        elif challenge.lower().startswith("bearer"):
            self._authorization = f"Bearer {self._token(dict(_CHALLENGE.findall(challenge)))}"

    def _token(self, challenge: Mapping[str, str]) -> str:
        query = urlencode({"service": challenge.get("service", ""), "scope": self._scope})
        headers = {"Authorization": self._credentials.basic} if self._credentials else {}
        url = f"{challenge.get('realm', '')}?{query}"
        response = request(self._network, self._end_point.trusted, "GET", url, headers=headers)
        if response.status != 200:
            raise _failure(response)
        answer = json.loads(response.body)
        return str(answer.get("token") or answer.get("access_token") or "")


def _failure(response: Response) -> RegistryFailure:
    try:
        errors: list[dict[str, Any]] = json.loads(response.body or b"{}").get("errors") or []
    except (ValueError, AttributeError):
        errors = []
    if errors:
        code = str(errors[0].get("code", "")).lower().replace("_", " ")
        return RegistryFailure(response.status, code, str(errors[0].get("message") or code))
    if response.status == 404:
        return RegistryFailure(404, "manifest unknown", "manifest unknown")
    if response.status == 401:
        return RegistryFailure(401, "unauthorized", "authentication required")
    return RegistryFailure(response.status, "", f"unexpected status from registry: {response.status}")


def end_points(
    registry: str, *, secure: bool, trusted: Trusted, mirrors: Iterator[EndPoint] | Sequence[EndPoint] = ()
) -> list[EndPoint]:
    """Return where to look for a registry, in order: mirrors, https, and http if the registry is insecure."""
    if not secure:
        believing = Trusted(verify=False)
        own = [EndPoint(f"https://{registry}", believing), EndPoint(f"http://{registry}", believing)]
    else:
        own = [EndPoint(f"https://{registry}", trusted)]
    return [*mirrors, *own]


__all__ = [
    "MANIFEST",
    "MANIFEST_LIST",
    "OCI_INDEX",
    "OCI_MANIFEST",
    "Credentials",
    "EndPoint",
    "NoCredentials",
    "RegistryClient",
    "RegistryFailure",
    "TransportError",
    "end_points",
]
