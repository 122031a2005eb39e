"""Every option that dockerd on Windows knows, by its name in daemon.json.

Each field's text says what the option means; its `Option` says what the provisioner must know of it: the
service option of the same meaning, whether a reload takes it up, and since when it is known. Sources:
dockerd's own flags and release notes, and the recordings in ``validate.json`` and ``start.json``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, StrictStr
from pydantic.fields import FieldInfo

from deploy.settings import checks
from deploy.settings.base import Settings


@dataclass(frozen=True)
class Option:
    """What the provisioner knows of an option beside its value."""

    flag: str | None
    """The service option, or None if there is none."""

    reload: bool = False
    """Whether the running engine takes it up from the file on a reload; if not, only a restart does."""

    default: Any = None
    """What to write when the key is taken away: a reload passes over an absent key. None: it does reset."""

    since: str = ""
    """The first release that knows the key; empty if every release that is still in use does."""


def _absent_if_empty(value: object) -> object:
    """Read an empty text as "not set", which is what dockerd does with it."""
    return None if value == "" else value


Text = Annotated[StrictStr, AfterValidator(checks.plain_text)]
Optional = BeforeValidator(_absent_if_empty)
Path = Annotated[StrictStr, AfterValidator(checks.windows_path)]
Count = Annotated[StrictInt, Field(ge=0, le=(1 << 63) - 1)]
Seconds = Annotated[StrictInt, Field(ge=0, le=(1 << 63) - 1)]
Size = Annotated[StrictStr, AfterValidator(checks.size)]
Accounts = Annotated[StrictStr, AfterValidator(checks.account_names)]
ApiVersion = Annotated[StrictStr, AfterValidator(checks.api_version)]
CacheFilter = Annotated[StrictStr, AfterValidator(checks.cache_filter)]
Resource = Annotated[StrictStr, AfterValidator(checks.generic_resource)]
Address = Annotated[StrictStr, AfterValidator(checks.ip_address)]
HostAddress = Annotated[StrictStr, AfterValidator(checks.listen_address)]
InsecureRegistry = Annotated[StrictStr, AfterValidator(checks.insecure_registry)]
Mirror = Annotated[StrictStr, AfterValidator(checks.registry_mirror)]
Proxy = Annotated[StrictStr, AfterValidator(checks.proxy)]
Label = Annotated[StrictStr, AfterValidator(checks.label)]
StorageOption = Annotated[StrictStr, AfterValidator(checks.storage_option)]
ExecOption = Annotated[StrictStr, AfterValidator(checks.exec_option)]
Domain = Annotated[StrictStr, AfterValidator(checks.search_domain)]
Endpoint = Annotated[StrictStr, AfterValidator(checks.socket_address)]
Network = Annotated[StrictStr, AfterValidator(checks.ipv4_network)]
LogDriver = Literal[
    "awslogs", "etwlogs", "fluentd", "gcplogs", "gelf", "json-file", "local", "none", "splunk", "syslog"
]


class Proxies(Settings):
    """How the engine itself reaches the internet."""

    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", "-"))

    http_proxy: Annotated[Proxy | None, Optional] = None
    """Proxy for plain HTTP, as ``http://proxy.lab:3128``."""

    https_proxy: Annotated[Proxy | None, Optional] = None
    """Proxy for HTTPS."""

    no_proxy: Annotated[Text | None, Optional] = None
    """What is reached without proxy: one text, with commas."""


def _camel_case(name: str) -> str:
    return name[0] + name.title().replace("_", "")[1:]


class BuilderRule(Settings):
    """One rule by which the builder throws cache away."""

    model_config = ConfigDict(alias_generator=_camel_case)

    all: StrictBool | None = None
    filter: tuple[CacheFilter, ...] | None = None
    """What the rule is about: ``until=48h``, ``type=source.local`` and the like, one of each."""

    keep_storage: Size | None = None
    reserved_space: Size | None = None
    max_used_space: Size | None = None
    min_free_space: Size | None = None


class BuilderCollection(Settings):
    """How much of its cache the builder keeps; sizes as ``20GB``."""

    model_config = ConfigDict(alias_generator=_camel_case)

    enabled: StrictBool | None = None
    default_keep_storage: Size | None = None
    default_reserved_space: Size | None = None
    default_max_used_space: Size | None = None
    default_min_free_space: Size | None = None
    policy: tuple[BuilderRule, ...] | None = None


class Builder(Settings):
    """BuildKit's settings; the classic builder of Windows has none."""

    gc: BuilderCollection | None = None
    entitlements: Mapping[Literal["network-host", "security-insecure", "device"], StrictBool] | None = None


class EngineOptions(Settings):
    """dockerd's options under the names that daemon.json has for them. What is not set is left to dockerd."""

    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", "-"))

    group: Annotated[Accounts | None, Optional, Option("-G")] = None
    """Users or groups, with commas, that may use the named pipe; every one must exist on the host."""

    hosts: Annotated[tuple[HostAddress, ...] | None, Option("-H")] = None
    """Where the engine listens: ``npipe://`` and, if asked for by name, TCP."""

    insecure_registries: Annotated[
        tuple[InsecureRegistry, ...] | None, Option("--insecure-registry", reload=True, default=[])
    ] = None
    """Registries reached without verified TLS: ``host:port`` as in image names, or networks."""

    registry_mirrors: Annotated[
        tuple[Mirror, ...] | None, Option("--registry-mirror", reload=True, default=[])
    ] = None
    """URLs that are asked before Docker Hub, and for Docker Hub's images only."""

    labels: Annotated[tuple[Label, ...] | None, Option("--label", reload=True, default=[])] = None
    """``key=value`` texts that ``docker info`` shows."""

    debug: Annotated[StrictBool | None, Option("--debug", reload=True, default=False)] = None
    """Write debug messages to the event log."""

    data_root: Annotated[Path | None, Optional, Option("--data-root")] = None
    """Where images and containers are kept. As a service option it also moves the place of daemon.json."""

    storage_opts: Annotated[tuple[StorageOption, ...] | None, Option("--storage-opt")] = None
    """``size=40GB``: how large drive C: of a container may grow; nothing else has an effect on Windows."""

    exec_opts: Annotated[tuple[ExecOption, ...] | None, Option("--exec-opt")] = None
    """``isolation=process`` or ``hyperv`` for containers that do not say."""

    fixed_cidr: Annotated[Network | None, Optional, Option("--fixed-cidr")] = None
    """Subnet of the nat network, used only when the engine has to make that network."""

    bridge: Annotated[Literal["none"] | None, Optional, Option("--bridge")] = None
    """``none``: make no nat network. Any other name is passed over, so it is refused here."""

    dns: Annotated[tuple[Address, ...] | None, Option("--dns")] = None
    """DNS servers of containers."""

    dns_opts: Annotated[tuple[Text, ...] | None, Option("--dns-opt")] = None
    """Resolver options of containers."""

    dns_search: Annotated[tuple[Domain, ...] | None, Option("--dns-search")] = None
    """Search domains of containers."""

    host_gateway_ips: Annotated[tuple[Address, ...] | None, Option("--host-gateway-ip", since="28.0")] = None
    """What ``host-gateway`` means in ``--add-host``: one IPv4 and one IPv6 address at most."""

    default_network_opts: Annotated[
        Mapping[StrictStr, Mapping[StrictStr, StrictStr]] | None,
        Option("--default-network-opt", since="24.0"),
    ] = None
    """Driver options that new networks start with, by driver."""

    network_control_plane_mtu: Annotated[Count | None, Option("--network-control-plane-mtu")] = None
    """MTU of the swarm control plane."""

    network_diagnostic_port: Annotated[
        Annotated[StrictInt, Field(ge=0, le=65535)] | None, Option("--network-diagnostic-port", reload=True)
    ] = None
    """Port on 127.0.0.1 of libnetwork's diagnostic server."""

    log_level: Annotated[
        Literal["trace", "debug", "info", "warn", "error", "fatal", "panic"] | None,
        Optional,
        Option("--log-level"),
    ] = None
    """From which severity on the engine writes to the event log."""

    log_format: Annotated[Literal["text", "json"] | None, Optional, Option("--log-format", since="25.0")] = (
        None
    )
    """Form of the engine's own log."""

    raw_logs: Annotated[StrictBool | None, Option("--raw-logs")] = None
    """Full time stamps and no colours in the engine's own log."""

    log_driver: Annotated[LogDriver | None, Optional, Option("--log-driver")] = None
    """Where the output of containers goes by default."""

    log_opts: Annotated[Mapping[StrictStr, StrictStr] | None, Option("--log-opt")] = None
    """Options of the log driver; every value is a text, as in ``{"max-file": "3"}``."""

    tls: Annotated[StrictBool | None, Option("--tls")] = None
    """Use TLS on TCP; ``false`` said aloud spares open TCP a pause of 16 s at the start."""

    tlsverify: Annotated[StrictBool | None, Option("--tlsverify")] = None
    """Use TLS and demand client certificates."""

    tlscacert: Annotated[Path | None, Optional, Option("--tlscacert")] = None
    """The authority that client certificates must come from."""

    tlscert: Annotated[Path | None, Optional, Option("--tlscert")] = None
    """The engine's certificate."""

    tlskey: Annotated[Path | None, Optional, Option("--tlskey")] = None
    """The key to it."""

    max_concurrent_downloads: Annotated[Count | None, Option("--max-concurrent-downloads", reload=True)] = (
        None
    )
    """Layers downloaded at once for a pull; 3 if not set."""

    max_concurrent_uploads: Annotated[Count | None, Option("--max-concurrent-uploads", reload=True)] = None
    """Layers uploaded at once for a push; 5 if not set."""

    max_download_attempts: Annotated[Count | None, Option("--max-download-attempts", reload=True)] = None
    """Attempts for a layer when the connection is lost; 5 if not set."""

    shutdown_timeout: Annotated[Seconds | None, Option("--shutdown-timeout", reload=True, default=15)] = None
    """Seconds that containers get to stop when the engine stops."""

    default_stop_timeout: Annotated[
        Seconds | None, Option("--default-stop-timeout", reload=True, default=30, since="29.7")
    ] = None
    """Seconds that ``docker stop`` waits for a container that does not say."""

    features: Annotated[
        Mapping[
            Literal["buildkit", "cdi", "containerd-snapshotter", "containerd-migration", "windows-dns-proxy"],
            StrictBool,
        ]
        | None,
        Option("--feature", reload=True),
    ] = None
    """Switches of parts of the engine; dockerd passes over a name it does not know, so it is refused here."""

    authorization_plugins: Annotated[
        tuple[Text, ...] | None, Option("--authorization-plugin", reload=True, default=[])
    ] = None
    """Plugins that decide on each API request; one that is not there ends the engine, even on a reload."""

    proxies: Annotated[Proxies | None, Option(None, since="23.0")] = None
    """How the engine itself reaches the internet."""

    builder: Annotated[Builder | None, Option(None)] = None
    """BuildKit's settings."""

    containerd: Annotated[Text | None, Optional, Option("--containerd")] = None
    """Address of a containerd to use, as ``npipe:////./pipe/containerd-containerd``."""

    containerd_namespace: Annotated[Text | None, Optional, Option("--containerd-namespace")] = None
    """Namespace of containers in containerd."""

    cri_containerd: Annotated[StrictBool | None, Option("--cri-containerd")] = None
    """Start containerd with its CRI plugin."""

    default_runtime: Annotated[Text | None, Optional, Option("--default-runtime")] = None
    """Runtime of containers that do not say; ``io.containerd.runhcs.v1`` brings containerd up."""

    cdi_spec_dirs: Annotated[tuple[Path, ...] | None, Option("--cdi-spec-dir", since="25.0")] = None
    """Directories of CDI device descriptions."""

    experimental: Annotated[StrictBool | None, Option("--experimental")] = None
    """Switch experimental features on."""

    metrics_addr: Annotated[Endpoint | None, Optional, Option("--metrics-addr")] = None
    """Where Prometheus metrics are served, ``host:port``."""

    min_api_version: Annotated[
        ApiVersion | None,
        Optional,
        Option("--min-api-version"),
    ] = None
    """Oldest API version that is served, 1.24 at the least and 1.56 at the most."""

    node_generic_resources: Annotated[
        tuple[Resource, ...] | None,
        Option("--node-generic-resource"),
    ] = None
    """Resources that a swarm node offers, as ``GPU=UUID1``."""

    swarm_default_advertise_addr: Annotated[
        Text | None, Optional, Option("--swarm-default-advertise-addr")
    ] = None
    """Address or interface that a swarm node tells others."""

    exec_root: Annotated[Path | None, Optional, Option("--exec-root")] = None
    """Directory of the engine's execution state."""

    pidfile: Annotated[Path | None, Optional, Option("--pidfile")] = None
    """Where the process id is written; not written by a service."""

    def given(self) -> dict[str, Any]:
        """Return what is set, as plain data under daemon.json's names, in a fixed order."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def _options() -> Iterator[tuple[str, Option]]:
    for name, field in EngineOptions.model_fields.items():
        yield field.alias or name, _option(field)


def _option(field: FieldInfo) -> Option:
    return next(entry for entry in field.metadata if isinstance(entry, Option))


OPTIONS: Mapping[str, Option] = dict(_options())
"""What the provisioner knows of every option, by daemon.json's name."""
