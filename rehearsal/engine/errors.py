"""What the engine answers when it does not do what it was asked."""

from __future__ import annotations


class EngineError(Exception):
    """An error response of the daemon; docker.exe puts ``Error response from daemon: `` before it."""


class NotFoundError(EngineError):
    """There is no such container, image, network or volume."""


class StartError(EngineError):
    """A container was created but cannot be started; ``exit_code`` is what ``docker run`` ends with."""

    def __init__(self, message: str, exit_code: int = 125) -> None:
        super().__init__(message)
        self.exit_code = exit_code
