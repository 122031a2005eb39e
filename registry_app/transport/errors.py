"""What can go wrong with a request's body before its content is looked at. Knows neither HTTP statuses nor
OCI codes.
"""


class BodyError(Exception):
    """A request's body did not arrive as it should."""


class BodyTooLarge(BodyError):
    """The body is, or says it is, larger than the caller's limit."""


class BodyIncomplete(BodyError):
    """The client went away before the body's end."""


class BodyMalformed(BodyError):
    """The body's framing breaks RFC 9112: the rest of the connection cannot be trusted."""


class BodyStalled(BodyError):
    """No byte of the body arrived for the caller's idle time-out."""
