"""The ``WWW-Authenticate`` line: how to log in here, and for what. RFC 7235, RFC 7617, RFC 6750."""

from dataclasses import dataclass

from registry_app.auth.scope import NOTHING, Scopes


@dataclass(frozen=True)
class BasicChallenge:
    """Send user and password with each request."""

    realm: str

    def __str__(self) -> str:
        return f"Basic realm={_quoted(self.realm)}"


@dataclass(frozen=True)
class BearerChallenge:
    """Fetch a token for ``scopes`` at ``realm``, and send it with each request."""

    realm: str
    """The URL of the token endpoint."""
    service: str
    scopes: Scopes = NOTHING
    insufficient: bool = False
    """A token was sent, and it is for something else (RFC 6750, section 3.1)."""

    def __str__(self) -> str:
        text = f"Bearer realm={_quoted(self.realm)},service={_quoted(self.service)}"
        if scope := str(self.scopes):
            text += f",scope={_quoted(scope)}"
        return f'{text},error="insufficient_scope"' if self.insufficient else text


def _quoted(text: str) -> str:
    # A control character would end the header line; Host and repository names come from the request.
    clean = "".join(character for character in text if character.isprintable())
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'
