"""What a registry may answer when it cannot do as asked: one class per error code of the specification.

Code, HTTP status and a default message are declared together, once. Whoever finds the fault raises the class;
the application has one handler that turns it into the JSON body of the OCI distribution specification, "Error
Codes". `RegistryError` is the root; the order below is the specification's, then Docker's additions, then
ours.
"""

import json
from collections.abc import Sequence
from typing import ClassVar


class RegistryError(Exception):
    """The request cannot be served; `code`, `status` and the message say why.

    `detail` is any JSON value for the ``detail`` field; `headers` go with the answer (``Retry-After``,
    ``Allow``…).
    """

    code: ClassVar[str] = "UNKNOWN"
    status: ClassVar[int] = 500
    message: ClassVar[str] = "unknown error"

    def __init__(
        self, message: str | None = None, *, detail: object = None, headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        self.text = message or self.message
        self.detail = detail
        self.headers = tuple(headers)
        super().__init__(self.text)

    def body(self) -> bytes:
        """Return the JSON document of the specification for this one error."""
        return error_body(self.code, self.text, self.detail)


def error_body(code: str, message: str, detail: object = None) -> bytes:
    """Return ``{"errors": [{"code", "message", "detail"}]}`` as bytes; ``detail`` is left out when `None`."""
    error: dict[str, object] = {"code": code, "message": message}
    if detail is not None:
        error["detail"] = detail
    return json.dumps({"errors": [error]}, separators=(",", ":")).encode()


class BlobUnknown(RegistryError):
    """The repository does not hold the blob."""

    code, status, message = "BLOB_UNKNOWN", 404, "blob unknown to registry"


class BlobUploadInvalid(RegistryError):
    """The upload cannot go on as asked."""

    code, status, message = "BLOB_UPLOAD_INVALID", 400, "blob upload invalid"


class BlobUploadBusy(BlobUploadInvalid):
    """Another request is writing to the same upload."""

    status, message = 409, "another request is writing to this upload"


class BlobUploadUnknown(RegistryError):
    """There is no such upload session: never started, finished, cancelled or purged."""

    code, status, message = "BLOB_UPLOAD_UNKNOWN", 404, "blob upload unknown to registry"


class DigestInvalid(RegistryError):
    """The digest is malformed, of an unknown algorithm, or does not match the content."""

    code, status, message = "DIGEST_INVALID", 400, "provided digest did not match uploaded content"


class ManifestBlobUnknown(RegistryError):
    """A manifest names content that the repository does not hold."""

    code, status, message = (
        "MANIFEST_BLOB_UNKNOWN",
        400,
        "manifest references a manifest or blob unknown to registry",
    )


class ManifestInvalid(RegistryError):
    """The manifest cannot be understood, or contradicts its media type."""

    code, status, message = "MANIFEST_INVALID", 400, "manifest invalid"


class ManifestTooLarge(ManifestInvalid):
    """The manifest is larger than this registry accepts (the specification asks for at least 4 MiB)."""

    status, message = 413, "manifest too large"


class ManifestUnknown(RegistryError):
    """The repository has no manifest of that tag or digest, or none that the client accepts."""

    code, status, message = "MANIFEST_UNKNOWN", 404, "manifest unknown to registry"


class NameInvalid(RegistryError):
    """The repository's name does not follow the grammar, or the disk cannot hold it."""

    code, status, message = "NAME_INVALID", 400, "invalid repository name"


class NameUnknown(RegistryError):
    """There is no such repository."""

    code, status, message = "NAME_UNKNOWN", 404, "repository name not known to registry"


class SizeInvalid(RegistryError):
    """The length that was declared is not the length that came."""

    code, status, message = "SIZE_INVALID", 400, "provided length did not match content length"


class Unauthorized(RegistryError):
    """Nobody is logged in, and this needs somebody."""

    code, status, message = "UNAUTHORIZED", 401, "authentication required"


class Denied(RegistryError):
    """This registry does not let the client do that."""

    code, status, message = "DENIED", 403, "requested access to the resource is denied"


class DiskFull(Denied):
    """Storing it would leave less free space than the reserve."""

    status, message = 507, "not enough disk space"


class Unsupported(RegistryError):
    """The operation is switched off or does not exist."""

    code, status, message = "UNSUPPORTED", 405, "the operation is unsupported"


class TooManyRequests(RegistryError):
    """A limit of this registry is reached for now."""

    code, status, message = "TOOMANYREQUESTS", 429, "too many requests"


class TagInvalid(RegistryError):
    """The tag does not follow the grammar, or the disk cannot hold it beside the others."""

    code, status, message = "TAG_INVALID", 400, "invalid tag"


class RangeInvalid(RegistryError):
    """A range lies outside of the blob, or a chunk does not follow the one before.

    OCI spec, "Pushing a blob in chunks": a chunk that is out of order is answered with 416.
    """

    code, status, message = "RANGE_INVALID", 416, "invalid content range"


class PreconditionFailed(RegistryError):
    """What is there is not what the client said it must be (RFC 9110, section 13.1)."""

    code, status, message = "PRECONDITION_FAILED", 412, "it is not what the request's condition says"


class PaginationInvalid(RegistryError):
    """The parameter ``n`` is not a number."""

    code, status, message = "PAGINATION_NUMBER_INVALID", 400, "invalid number of results requested"


class RequestInvalid(RegistryError):
    """The request itself cannot be read."""

    code, status, message = "REQUEST_INVALID", 400, "bad request"


class RouteUnknown(RegistryError):
    """No resource of the registry has this address."""

    code, status, message = "NOT_FOUND", 404, "no such resource; the registry's API lies below /v2/"


class Internal(RegistryError):
    """The registry failed; the log says how."""

    message = "internal error; the registry's log has the cause"


class StorageFailed(RegistryError):
    """The disk failed; the log says how."""

    message = "the storage failed; the registry's log has the cause"
