"""Rules between the engine's options: what dockerd refuses, ignores, or does to everyone's surprise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from deploy.masking import masked
from deploy.settings import checks, log_options
from deploy.settings.engine_options import OPTIONS
from deploy.settings.problems import Problem
from deploy.settings.wrong_keys import IGNORED, LINUX_ONLY, SERVICE_SWITCHES, explain
from deploy.windows_command_line import expansions

if TYPE_CHECKING:
    from deploy.settings.engine import EngineSettings

LABEL_PREFIX = "registry-lab."
"""Engine labels that begin so are the provisioner's own."""

_PIPES = {"npipe://", "npipe:////./pipe/docker_engine"}
_RUNHCS = "io.containerd.runhcs.v1"


def engine_problems(settings: EngineSettings) -> Iterator[Problem]:
    """Yield everything that is wrong between the options of one engine."""
    for rule in _RULES:
        yield from rule(settings)


def _given_once(settings: EngineSettings) -> Iterator[Problem]:
    if settings.data_root and settings.options.data_root:
        yield Problem("data_root", "is also given as options.data-root; write it once")
    for key in settings.extra:
        if key in settings.options.given():
            yield Problem(f"extra.{key}", "is also given in options; write it once")


def _extra_reaches_the_engine(settings: EngineSettings) -> Iterator[Problem]:
    if settings.extra and settings.delivery == "service-options":
        yield Problem(
            "extra", "can only be delivered in the file: write delivery = 'daemon.json', or leave it out"
        )
    for key in settings.extra:
        if key in IGNORED | LINUX_ONLY | SERVICE_SWITCHES:
            yield Problem(f"extra.{key}", explain(key, OPTIONS))


def _pipe_stays_open(settings: EngineSettings) -> Iterator[Problem]:
    hosts = settings.options.hosts
    if hosts and not _PIPES & set(hosts):
        yield Problem(
            "options.hosts",
            "lacks 'npipe://', the pipe that docker on the host itself uses: add it to the list",
        )
    if not hosts and (settings.options.tls or settings.options.tlsverify):
        yield Problem(
            "options.hosts",
            "is missing: with tls or tlsverify but no hosts the engine listens on tcp://127.0.0.1:2376 alone,"
            " and its pipe is gone; write ['npipe://', 'tcp://0.0.0.0:2376']",
        )


def _tcp_is_meant(settings: EngineSettings) -> Iterator[Problem]:
    options = settings.options
    if options.tls or options.tlsverify or settings.allow_tcp_without_tls:
        return
    for address in options.hosts or ():
        if checks.is_tcp(address):
            yield Problem(
                "options.hosts",
                f"{address} makes administrators of all who reach it: set tlsverify with tlscacert, tlscert"
                " and tlskey, or say allow_tcp_without_tls = True",
            )


def _tls_is_whole(settings: EngineSettings) -> Iterator[Problem]:
    options = settings.options
    files = {"tlscacert": options.tlscacert, "tlscert": options.tlscert, "tlskey": options.tlskey}
    if options.tlsverify is False:
        yield Problem(
            "options.tlsverify",
            "false switches TLS on all the same, and lets everyone in: leave it out, or write true",
        )
        return
    if options.tls is False and options.tlsverify:
        yield Problem("options.tls", "is false while tlsverify is true; leave tls out")
    if options.tls or options.tlsverify:
        for name, path in files.items():
            if path is None:
                why = (
                    " (without it, any public authority's certificates are let in)"
                    if name == "tlscacert"
                    else ""
                )
                yield Problem(
                    f"options.{name}", f"is missing: tlsverify in the file looks in no default place{why}"
                )
        return
    for name, path in files.items():
        if path is not None:
            yield Problem(f"options.{name}", "has no effect without tlsverify: true")


def _options_agree(settings: EngineSettings) -> Iterator[Problem]:
    options = settings.options
    if options.bridge == "none" and options.fixed_cidr:
        yield Problem("options.fixed-cidr", "has no effect while bridge is 'none'; leave one of them out")
    features = options.features or {}
    for name in ("containerd-snapshotter", "containerd-migration"):
        if features.get(name) and not options.containerd and options.default_runtime != _RUNHCS:
            yield Problem("options.features", f"{name} needs containerd, or default-runtime = '{_RUNHCS}'")
    versions = [":" in address for address in options.host_gateway_ips or ()]
    if len(versions) != len(set(versions)):
        yield Problem("options.host-gateway-ips", "takes one IPv4 and one IPv6 address at most")


def _log_options_fit_the_driver(settings: EngineSettings) -> Iterator[Problem]:
    driver = settings.options.log_driver or "json-file"
    for name, message in log_options.problems(driver, settings.options.log_opts or {}):
        yield Problem(f"options.log-opts.{name}", message)


def _addresses_are_used_once(settings: EngineSettings) -> Iterator[Problem]:
    """Yield addresses that are taken already; dockerd passes over the same words only."""
    taken: dict[str, str] = {}
    for written in settings.options.hosts or ():
        words = _in_full(written)
        if taken.setdefault(_place(words), words) != words:
            yield Problem("options.hosts", f"{written} is the same place as {taken[_place(words)]}; keep one")
    metrics = settings.options.metrics_addr
    if metrics and _place(_in_full(metrics)) in taken:
        yield Problem("options.metrics-addr", f"{metrics} is where the engine listens; choose a free port")


def _in_full(address: str) -> str:
    if address == "npipe://":
        return "npipe:////./pipe/docker_engine"
    return address if "://" in address else f"tcp://{address}"


def _place(address: str) -> str:
    """Return what is the same for every spelling of a place to listen on."""
    host, _, port = address.lower().removeprefix("tcp://").rpartition(":")
    same = {"localhost": "127.0.0.1", "0.0.0.0": "", "[::]": ""}  # noqa: S104 -- compared, not listened on
    return f"{same.get(host, host)}:{port.lstrip('0')}" if checks.is_tcp(address) else address.lower()


def _resources_are_of_one_kind(settings: EngineSettings) -> Iterator[Problem]:
    kinds: dict[str, list[str]] = {}
    for resource in settings.options.node_generic_resources or ():
        name, _, value = resource.partition("=")
        kinds.setdefault(name, []).append(value)
    for name, values in kinds.items():
        if len(values) > 1 and any(value.isdigit() for value in values):
            yield Problem(
                "options.node-generic-resources", f"{name} is given {len(values)} times: one number, or names"
            )


def _builder_filters_are_single(settings: EngineSettings) -> Iterator[Problem]:
    collection = settings.options.builder.gc if settings.options.builder else None
    for rule in (collection.policy if collection else None) or ():
        names = [
            text.partition("=")[0].strip().lower().replace("unused-for", "until")
            for text in rule.filter or ()
        ]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Problem("options.builder.gc.policy", f"filters a rule by {name} twice; keep one")


def _labels_are_the_users(settings: EngineSettings) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for label in settings.options.labels or ():
        key, _, value = label.partition("=")
        if key.startswith(LABEL_PREFIX):
            yield Problem(
                "options.labels", f"{key} is the provisioner's own; choose a name that does not begin so"
            )
        if seen.setdefault(key, value) != value:
            yield Problem("options.labels", f"{key} is both {seen[key]!r} and {value!r}; keep one")


def _service_options_can_say_it(settings: EngineSettings) -> Iterator[Problem]:
    if settings.delivery != "service-options":
        return
    if settings.options.builder:
        yield Problem("options.builder", "exists in the file only: write delivery = 'daemon.json'")
    for key, value in settings.options.given().items():
        for name in expansions(str(value)):
            yield Problem(
                f"options.{key}",
                f"{name} would be replaced by that variable at every start: write delivery = 'daemon.json'",
            )


def _no_password_on_the_command_line(settings: EngineSettings) -> Iterator[Problem]:
    if settings.delivery != "service-options":
        return
    for key, value in settings.options.given().items():
        named = value.items() if isinstance(value, Mapping) else [("", value)]
        for name, inner in named:
            text = f"{name}={inner}"
            if masked(text) != text:
                yield Problem(
                    f"options.{key}.{name}".removesuffix("."),
                    "holds a password, and whoever is on the host can read a service's command line:"
                    " write engine.delivery = 'daemon.json'",
                )


_RULES: tuple[Callable[[EngineSettings], Iterator[Problem]], ...] = (
    _given_once,
    _extra_reaches_the_engine,
    _pipe_stays_open,
    _tcp_is_meant,
    _tls_is_whole,
    _options_agree,
    _log_options_fit_the_driver,
    _addresses_are_used_once,
    _resources_are_of_one_kind,
    _builder_filters_are_single,
    _labels_are_the_users,
    _service_options_can_say_it,
    _no_password_on_the_command_line,
)
