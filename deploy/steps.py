"""What can be done to a host, one small value each; as text, a sentence that a person understands.

Plans return steps, `deploy.commands` turns each into what is sent to the host. A step holds all that it
needs: nothing is looked up between the decision and the deed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.masking import masked


class Step:
    """Something to do on a host."""


@dataclass(frozen=True)
class Refuse(Step):
    """Do nothing on this host, and say why and what would help."""

    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.reason}; {self.remedy}"


# Files and directories


@dataclass(frozen=True)
class MakeDirectory(Step):
    """Make a directory and those above it; one that is there is left as it is."""

    path: str

    def __str__(self) -> str:
        return f"make the directory {self.path}"


@dataclass(frozen=True)
class GrantModify(Step):
    """Let Authenticated Users, which the container's user is, modify a directory and all that is in it."""

    path: str

    def __str__(self) -> str:
        return f"let authenticated users modify {self.path}"


@dataclass(frozen=True)
class PutFile(Step):
    """Upload a text file as UTF-8 without byte order mark. No command: the connector does it."""

    path: str
    text: str = field(repr=False)

    def __str__(self) -> str:
        return f"write {self.path}"


@dataclass(frozen=True)
class PutArchive(Step):
    """Upload the build context. No command: the connector does it, from the archive it belongs to."""

    path: str
    fingerprint: str

    def __str__(self) -> str:
        return f"upload the build context {self.fingerprint}"


@dataclass(frozen=True)
class CopyFile(Step):
    """Copy a file over another."""

    source: str
    target: str

    def __str__(self) -> str:
        return f"keep {self.source} as {self.target}"


@dataclass(frozen=True)
class MoveFile(Step):
    """Rename a file over another, which Windows PowerShell 5.1 removes first.

    A host that loses its power between the two has neither in the place: see `EngineFound.cut_off`.
    """

    source: str
    target: str

    def __str__(self) -> str:
        return f"put {self.source} in the place of {self.target}"


@dataclass(frozen=True)
class RemovePath(Step):
    """Remove a file, or a directory with all that is in it."""

    path: str

    def __str__(self) -> str:
        return f"remove {self.path}"


@dataclass(frozen=True)
class EmptyDirectory(Step):
    """Remove all that is in a directory, if anything is; its path has no wildcards."""

    path: str

    def __str__(self) -> str:
        return f"remove what is in {self.path}"


@dataclass(frozen=True)
class RemoveFile(Step):
    """Remove a file; a directory with anything in it stays, and that is a failure."""

    path: str

    def __str__(self) -> str:
        return f"remove {self.path}"


@dataclass(frozen=True)
class ExpandArchive(Step):
    """Unpack an archive."""

    archive: str
    directory: str

    def __str__(self) -> str:
        return f"unpack {self.archive} into {self.directory}"


# The engine and its service


@dataclass(frozen=True)
class ValidateOptions(Step):
    """Let dockerd itself look at a configuration, before anything is touched."""

    config_file: str
    arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"let dockerd check {self.config_file}"


@dataclass(frozen=True)
class RegisterService(Step):
    """Make the engine's service, with what its command line is to say after ``--run-service``."""

    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return masked(f"register the engine's service: {' '.join(self.arguments) or 'no options'}")


@dataclass(frozen=True)
class SetCommandLine(Step):
    """Change the service in place: no need to unregister it."""

    service: str
    command_line: str
    before: str

    def __str__(self) -> str:
        return masked(f"change the service's command line from {self.before} to {self.command_line}")


@dataclass(frozen=True)
class SetStartMode(Step):
    """Change when a service starts."""

    service: str
    mode: str
    """``auto``, ``delayed-auto`` or ``manual``."""

    def __str__(self) -> str:
        return f"let the service {self.service} start: {self.mode}"


@dataclass(frozen=True)
class SetRecovery(Step):
    """Change what happens after a crash of a service."""

    service: str
    reset_after: int
    delays: tuple[int, ...]
    """Seconds before each restart."""

    def __str__(self) -> str:
        waits = ", ".join(f"{delay} s" for delay in self.delays)
        return f"restart the service {self.service} after a crash: after {waits}"


@dataclass(frozen=True)
class SetRecoveryOnFailedStop(Step):
    """Change whether stopping with an error counts as a crash."""

    service: str
    on: bool

    def __str__(self) -> str:
        return f"{'count' if self.on else 'do not count'} a failed stop of {self.service} as a crash"


@dataclass(frozen=True)
class SetDependencies(Step):
    """Change which services must run first."""

    service: str
    depends_on: tuple[str, ...]

    def __str__(self) -> str:
        return f"start the service {self.service} after {' and '.join(self.depends_on) or 'no other'}"


@dataclass(frozen=True)
class StopService(Step):
    """Stop a service."""

    service: str

    def __str__(self) -> str:
        return f"stop the service {self.service}"


@dataclass(frozen=True)
class StartService(Step):
    """Start a service."""

    service: str

    def __str__(self) -> str:
        return f"start the service {self.service}"


@dataclass(frozen=True)
class ReloadOptions(Step):
    """Let the engine read its file again: the service control PARAMCHANGE."""

    service: str

    def __str__(self) -> str:
        return "let the engine reload its file; no container stops"


@dataclass(frozen=True)
class AwaitEngine(Step):
    """Ask until the engine answers. The command asks once; who runs it repeats it."""

    seconds: int

    def __str__(self) -> str:
        return f"wait up to {self.seconds} s for the engine to answer"


@dataclass(frozen=True)
class ProveOptions(Step):
    """Ask until ``docker info`` shows what is wanted. The command asks once; who runs it repeats it."""

    options: Mapping[str, object]
    labels: tuple[str, ...]
    seconds: int = 15

    def __str__(self) -> str:
        return "see in docker info that the engine runs with these options"


@dataclass(frozen=True)
class RememberContainers(Step):
    """Write down what runs, so that this run, or the next after a broken one, can start it again."""

    path: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"remember what runs: {', '.join(self.names) or 'nothing'}"


# Containers, images, networks


@dataclass(frozen=True)
class StartContainer(Step):
    """Start a container; one that runs is left as it is."""

    name: str

    def __str__(self) -> str:
        return f"start the container {self.name}"


@dataclass(frozen=True)
class StopContainer(Step):
    """Stop a container and let it finish."""

    name: str

    def __str__(self) -> str:
        return f"stop the container {self.name}"


@dataclass(frozen=True)
class RemoveContainer(Step):
    """Remove a container, running or not. Directories of the host in it stay."""

    name: str
    why: str = ""

    def __str__(self) -> str:
        return f"remove the container {self.name}{f' ({self.why})' if self.why else ''}"


@dataclass(frozen=True)
class RenameContainer(Step):
    """Give a container another name; it stays what it is, running or not."""

    name: str
    new_name: str
    why: str = ""

    def __str__(self) -> str:
        return f"rename the container {self.name} to {self.new_name}{f' ({self.why})' if self.why else ''}"


@dataclass(frozen=True)
class SetRestartPolicy(Step):
    """Change when the engine starts a container by itself."""

    name: str
    policy: str

    def __str__(self) -> str:
        return f"set the restart policy of the container {self.name} to {self.policy}"


@dataclass(frozen=True)
class RunContainer(Step):
    """Make a container and start it."""

    name: str
    image: str
    network: str
    ip: str
    restart: str
    ports: Mapping[int, int]
    """Port of the container by port of the host."""

    volumes: Mapping[str, str]
    """Directory of the container by directory of the host."""

    environment: Mapping[str, str] = field(repr=False)
    labels: Mapping[str, str]

    def __str__(self) -> str:
        return f"run the container {self.name} from {self.image} at {self.ip}"


@dataclass(frozen=True)
class AwaitContainer(Step):
    """Ask until the container runs, and is healthy if it says how it is. The command asks once."""

    name: str
    seconds: int = 60

    def __str__(self) -> str:
        return f"wait up to {self.seconds} s for the container {self.name}"


@dataclass(frozen=True)
class AwaitRegistry(Step):
    """Ask until the registry in a container answers at its pinned address. The command asks once."""

    name: str
    url: str
    seconds: int = 60

    def __str__(self) -> str:
        return f"wait up to {self.seconds} s for an answer at {self.url}"


@dataclass(frozen=True)
class BuildImage(Step):
    """Build an image from a directory of the host."""

    tag: str
    directory: str

    def __str__(self) -> str:
        return f"build the image {self.tag}"


@dataclass(frozen=True)
class RemoveImage(Step):
    """Take a name from an image, and remove the image with its last one."""

    reference: str

    def __str__(self) -> str:
        return f"remove the image {self.reference}, which no container uses"


@dataclass(frozen=True)
class RemoveHnsNetwork(Step):
    """Remove a network from the Host Network Service."""

    name: str

    def __str__(self) -> str:
        return f"remove the network {self.name}, which the engine makes anew with the wanted subnet"


@dataclass(frozen=True)
class RemoveHnsEndpoint(Step):
    """Remove the endpoints with one address from the Host Network Service."""

    ip: str

    def __str__(self) -> str:
        return f"remove the stale endpoint that still holds {self.ip}"


@dataclass(frozen=True)
class AddFirewallRule(Step):
    """Let a TCP port in."""

    name: str
    title: str
    port: int

    def __str__(self) -> str:
        return f"let port {self.port}/tcp through the firewall ({self.name})"


@dataclass(frozen=True)
class RemoveFirewallRule(Step):
    """Remove a rule of the firewall."""

    name: str

    def __str__(self) -> str:
        return f"remove the firewall rule {self.name}"
