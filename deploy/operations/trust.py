"""What a host trusts, finds and is logged in at: certificate folders, hosts file, root store, log-ins."""

from __future__ import annotations

import io

from deploy.certificates.authority import AuthorityUnusable
from deploy.certificates.files import authority_of, read_authority
from deploy.connector_errors import HostError
from deploy.found import CouldNotRead
from deploy.operations.acting import Acting, Commands, operation
from deploy.operations.hands import StepFailed
from deploy.operations.keeping import keeper_of
from deploy.plan.trust import Profile, TrustFound, TrustWanted, plan_trust, profile_of, trusted_names
from deploy.run import run_of
from deploy.settings import LabSettings
from deploy.settings.access import RemoteRegistry
from deploy.trust import hosts_file
from deploy.trust.credentials import Login


@operation("trust")
def trust(acting: Acting, *, wanted: LabSettings) -> Commands:
    """Have the engine trust its registries, the host find them, and accounts be logged in; no restart."""
    wished = trust_wanted(acting, wanted)
    if wished == TrustWanted({}) and not wanted.trust.hosts_file:
        return
    containerd = bool(acting.found.engine().containerd)
    profiles = acting.found.exist([each.directory for each in wished.profiles]) if wished.profiles else {}
    found = TrustFound(
        hashes={path: acting.found.hash(path) for path in wished.files(containerd=containerd)},
        # Without a name, too: a line of ours may be left from when there was one.
        hosts=download(acting, hosts_file.PATH) if wanted.trust.hosts_file else b"",
        thumbprints=acting.found.root_certificates() if wished.root else frozenset(),
        profiles={
            profile.path: (download(acting, profile.path), acting.found.directory(profile.path))
            for profile in wished.profiles
        },
        absent=frozenset(path for path, there in profiles.items() if not there),
    )
    yield from acting.carry_out(plan_trust(wished, found, containerd=containerd))


def trust_wanted(acting: Acting, wanted: LabSettings) -> TrustWanted:
    """Return what a host shall trust, find and be logged in at; `StepFailed` if that cannot be said here."""
    settings, registry = wanted.trust, wanted.registry
    try:
        own = authority_of(registry, keeper_of(wanted))
        authorities = dict.fromkeys(registry.addresses, own) if own is not None else {}
        authorities |= {remote.name: _authority(wanted, remote) for remote in settings.registries}
    except OSError as error:
        raise StepFailed(f"{error.filename}: {error.strerror}") from error
    except AuthorityUnusable as error:
        raise StepFailed(str(error)) from error
    return TrustWanted(
        authorities=authorities,
        names=trusted_names(settings, registry),
        root=next(iter(authorities.values()), None) if settings.root_store else None,
        profiles=tuple(_profiles(acting, wanted)),
    )


def _authority(wanted: LabSettings, remote: RemoteRegistry) -> bytes:
    if remote.authority_file is not None:
        return read_authority(remote.authority_file)
    return keeper_of(wanted).authority().certificate_pem()


def _profiles(acting: Acting, wanted: LabSettings) -> list[Profile]:
    passwords = run_of(acting.state).passwords(acting.host)
    registries = [*wanted.registry.addresses, *(remote.name for remote in wanted.trust.registries)]
    connecting = str(acting.host.data.get("psrp_user") or "Administrator")
    profiles = []
    for login in wanted.trust.logins:
        account = (login.account or connecting).removeprefix(".\\")
        path = rf"{login.profile or profile_of(account)}\.docker\config.json"
        logins = (Login(registry, login.user, passwords[login.user]) for registry in registries)
        profiles.append(Profile(account, path, tuple(logins)))
    return profiles


def download(acting: Acting, path: str) -> bytes:
    """Return a file's bytes, nothing if there is none; no command shows them, for they may be secret."""
    if not acting.found.exist([path])[path]:
        return b""
    content = io.BytesIO()
    try:
        acting.host.get_file(path, content)
    except HostError as error:
        raise CouldNotRead(path, str(error)) from error
    return content.getvalue()
