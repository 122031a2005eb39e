"""Note on a host what is placed there for trust, users and log-ins, and take away what is no longer wanted.

The note comes before the deed, the removal after the proof: a run that is cut short leaves at worst a note of
something that is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from deploy.operations.acting import Acting, Commands, operation
from deploy.operations.hands import StepFailed
from deploy.operations.trust import download, trust_wanted
from deploy.places import HTPASSWD, RULES
from deploy.plan import placed
from deploy.plan.placed import NoteUnreadable, Placed, StillThere, Users, plan_removal
from deploy.plan.private import plan_private_files
from deploy.plan.trust import Profile, thumbprint
from deploy.settings import LabSettings, RegistryTls
from deploy.settings.registry import RegistrySettings
from deploy.steps import RemovePath, Step
from deploy.trust import credentials, hosts_file
from deploy.trust.credentials import ConfigUnreadable, Login


@operation("note")
def note(acting: Acting, *, wanted: LabSettings) -> Commands:
    """Note what is going to be placed, beside what was."""
    before = _noted(acting)
    wished, there = _wished(acting, wanted)
    together = before.with_all_of(wished.of_ours(before, there))
    if together == Placed():
        return
    yield from acting.carry_out(_write(acting, together))


def take_away(acting: Acting, wanted: LabSettings) -> list[Step]:
    """Return the steps that remove what was placed and is not wanted any more, and note that."""
    before = _noted(acting)
    wished, there = _wished(acting, wanted)
    ours = wished.of_ours(before, there)
    if before.with_all_of(ours) == ours:
        return []
    gone = before.without(wished, used_files(wanted))
    present = acting.found.exist(sorted(gone.files)) if gone.files else {}
    found = StillThere(
        files=[path for path, there in present.items() if there],
        configs={path: download(acting, path) for path in gone.logins},
        hosts=download(acting, hosts_file.PATH) if gone.names else b"",
        roots=acting.found.root_certificates() if gone.roots else (),
    )
    # Where the hosts file is wanted, the plan for trust has seen to our lines.
    removal = plan_removal(gone, found, None if wanted.trust.hosts_file else {})
    last = [RemovePath(placed.DIRECTORY)] if ours == Placed() else _write(acting, ours)
    return [*removal, *last]


def _noted(acting: Acting) -> Placed:
    """Return what the note says; one that somebody else may have written is not believed."""
    noted = acting.found.file(placed.FILE).text
    if noted is not None and not placed.is_trusted(acting.found.directory(placed.DIRECTORY)):
        raise StepFailed(
            f"{placed.DIRECTORY} was not left to administrators, so anybody may have written the note in it",
            f"see who did (Get-Acl -Path {placed.DIRECTORY}), remove it (then what was placed before stays),"
            " and run again",
        )
    try:
        return Placed.from_text(noted)
    except NoteUnreadable as error:
        raise StepFailed(str(error)) from error


def _write(acting: Acting, what: Placed) -> list[Step]:
    content = {placed.NAME: what.text.encode()}
    hashes = {placed.NAME: acting.found.hash(placed.FILE)}
    found = acting.found.directory(placed.DIRECTORY)
    return plan_private_files(placed.DIRECTORY, found, content, hashes, placed.GRANTS)


def _wished(acting: Acting, wanted: LabSettings) -> tuple[Placed, Placed]:
    """Return what shall be on the host, and what of that is there."""
    trust = trust_wanted(acting, wanted)
    containerd = bool(acting.found.engine().containerd)
    wished = Placed(
        files=frozenset({*trust.files(containerd=containerd), *_private_files(wanted.registry)}),
        logins=_logins({profile.path: profile.logins for profile in trust.profiles}),
        names=frozenset(trust.names),
        roots=frozenset() if trust.root is None else frozenset({thumbprint(trust.root)}),
    )
    wished = Placed().with_all_of(wished)  # each path once
    return wished, _there(acting, wished, trust.profiles)


def _there(acting: Acting, wished: Placed, profiles: Sequence[Profile]) -> Placed:
    present = acting.found.exist(sorted(wished.files)) if wished.files else {}
    try:
        held = {each.path: credentials.held(download(acting, each.path), each.logins) for each in profiles}
    except ConfigUnreadable as unreadable:
        raise StepFailed(str(unreadable), "then run again") from unreadable
    return Placed(
        files=frozenset(path for path, there in present.items() if there),
        logins=_logins(held),
        roots=wished.roots & acting.found.root_certificates() if wished.roots else frozenset(),
    )


def _logins(logins: Mapping[str, Iterable[Login]]) -> dict[str, Users]:
    return {path: {each.registry: frozenset({each.user}) for each in some} for path, some in logins.items()}


def used_files(wanted: LabSettings) -> list[str]:
    """Return the files that registry and engine read and that are not for us to remove.

    A registry whose files "are on the host already" may have been one whose files we put there.
    """
    options = wanted.engine_options()
    engine = [options[key] for key in ("tlscacert", "tlscert", "tlskey") if key in options]
    return [*engine, *(_tls_files(wanted.registry.tls) if wanted.registry.tls else ())]


def _tls_files(tls: RegistryTls) -> list[str]:
    return [rf"{tls.directory}\{name}" for name in (tls.key, tls.certificate)]


def _private_files(registry: RegistrySettings) -> Iterator[str]:
    if registry.tls is not None and registry.tls.is_uploaded:
        yield from _tls_files(registry.tls)
    if registry.users:
        yield rf"{registry.users_directory}\{HTPASSWD}"
        if registry.rules is not None:
            yield rf"{registry.users_directory}\{RULES}"
