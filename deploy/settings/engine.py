"""What the engine of a host shall be: its options, how they are delivered, and how careful to be about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StrictBool, StrictInt, StrictStr, model_validator

from deploy.settings.base import Settings
from deploy.settings.daemon_json import parse_daemon_json
from deploy.settings.engine_options import OPTIONS, EngineOptions, Path
from deploy.settings.engine_rules import LABEL_PREFIX, engine_problems
from deploy.settings.problems import Problems
from deploy.settings.wrong_keys import IGNORED


class RecoverySettings(Settings):
    """What the service manager does when the engine crashes."""

    restart_after: tuple[Annotated[StrictInt, Field(ge=0)], ...] = (15, 15, 60)
    """Seconds to wait before each restart; the last holds for all that follow. dockerd registers only two."""

    reset_after: Annotated[StrictInt, Field(ge=0)] = 86400
    """Seconds without a crash after which counting begins anew."""

    also_on_failed_stop: StrictBool = True
    """Count it as a crash, too, when the engine stops by itself with an error, as it does on a bad option."""


class ServiceSettings(Settings):
    """The Windows service that the engine is."""

    start_mode: Literal["auto", "delayed-auto", "manual"] = "auto"
    """When the service starts."""

    recovery: RecoverySettings | None = RecoverySettings()
    """What happens after a crash; None leaves it as it is."""

    depends_on: tuple[StrictStr, ...] | None = ("hns", "vmcompute")
    """Services that must run first; dockerd registers none and may start too early. None leaves them."""


class EngineSettings(Settings):
    """Docker Engine on one host."""

    delivery: Literal["daemon.json", "service-options"] = "daemon.json"
    """Where the options go: the file, or the service's command line. What is left of the other is removed."""

    options: EngineOptions = EngineOptions()
    """dockerd's options under daemon.json's names."""

    extra: Mapping[StrictStr, Any] = {}
    """Keys that go into daemon.json as they are, past all checks of this model; each one is warned about."""

    data_root: Path | None = None
    """Short for ``options.data-root``."""

    allow_tcp_without_tls: StrictBool = False
    """Whether the engine may listen on TCP for everyone, as the lab does."""

    allow_restart: StrictBool | tuple[StrictStr, ...] = False
    """Whether containers that are not ours may be stopped for a restart: all, none, or those named."""

    start_timeout: Annotated[StrictInt, Field(ge=1)] = 60
    """Seconds in which the engine must answer after a start."""

    fingerprint: StrictBool | Literal["auto"] = "auto"
    """Whether the options carry their fingerprint as an engine label; ``auto``: in daemon.json only."""

    service: ServiceSettings = ServiceSettings()
    """The Windows service."""

    @model_validator(mode="after")
    def _options_work_together(self) -> Self:
        if problems := list(engine_problems(self)):
            raise Problems(problems)
        return self

    @classmethod
    def from_daemon_json(cls, text: str | bytes, **others: object) -> Self:
        """Return the settings that an existing daemon.json stands for, to adopt a host.

        ``others`` are settings that the file does not hold, such as ``allow_tcp_without_tls``. The
        provisioner's own labels are left out. Raise `ValueError` (pydantic's form of it, for single options)
        for what dockerd refuses or ignores.
        """
        found = parse_daemon_json(text)
        known = OPTIONS.keys() | IGNORED
        # dockerd reads null as "not set", but refuses an unknown key even so.
        options = {key: value for key, value in found.items() if value is not None or key not in known}
        if isinstance(options.get("labels"), list):
            options["labels"] = [text for text in options["labels"] if not str(text).startswith(LABEL_PREFIX)]
        return cls.model_validate({"options": options, **others})

    @property
    def labelled(self) -> bool:
        """Whether the fingerprint goes into the engine's labels."""
        return self.delivery == "daemon.json" if self.fingerprint == "auto" else self.fingerprint

    def wanted_options(self) -> dict[str, Any]:
        """Return the options as plain data, with what this model adds to them."""
        options = self.options.given()
        if self.data_root:
            options["data-root"] = self.data_root
        # Recorded: without it, the start of an engine with open TCP takes 16 s longer.
        if self.delivery == "daemon.json" and self.allow_tcp_without_tls and _listens_openly(self.options):
            options["tls"] = False
        return options

    def warnings(self) -> list[str]:
        """Return what is allowed but worth a word."""
        lines = [f"engine.extra.{key}: is passed through unchecked" for key in self.extra]
        if self.allow_tcp_without_tls and _listens_openly(self.options):
            lines.append(
                "engine.options.hosts: everyone who reaches the TCP port is administrator of the host"
            )
        if self.delivery == "daemon.json" and not self.labelled:
            lines.append(
                "engine.fingerprint: without it, a key taken out of these settings stays in the file, and an"
                " engine that has not read the file is not noticed"
            )
        if (self.options.features or {}).get("buildkit"):
            lines.append("engine.options.features: buildkit is not supported by the engine on Windows")
        return lines


def _listens_openly(options: EngineOptions) -> bool:
    return any(not host.startswith(("npipe://", "unix://")) for host in options.hosts or ()) and not (
        options.tls or options.tlsverify
    )
