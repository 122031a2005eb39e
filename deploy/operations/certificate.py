"""The registry's certificate on its host: issued, renewed and rotated; the registry itself notices."""

from __future__ import annotations

from collections.abc import Iterable

from deploy.certificates.authority import AuthorityUnusable
from deploy.certificates.files import server_files
from deploy.certificates.keeper import ServerFiles
from deploy.inventory_data import address_of
from deploy.operations.acting import Acting, Commands, operation
from deploy.operations.hands import StepFailed
from deploy.operations.keeping import keeper_of
from deploy.plan.private import plan_private_files
from deploy.settings import LabSettings
from deploy.steps import Step
from deploy.trust.steps import PutBytes


@operation("certificate")
def certificate(acting: Acting, *, wanted: LabSettings) -> Commands:
    """Put certificate and key where the registry reads them; it takes new ones up while pulls go on.

    A certificate that must be new is issued here already while the run is planned: that changes nothing
    on a host, and the next run gives the same one out.
    """
    files = _files(acting, wanted)
    tls = wanted.registry.tls
    if files is None or tls is None:
        return
    # The key first: until both are there, the registry keeps what it has.
    contents = {tls.key: files.key, tls.certificate: files.certificate}
    hashes = {name: acting.found.hash(rf"{tls.directory}\{name}") for name in contents}
    steps = plan_private_files(tls.directory, acting.found.directory(tls.directory), contents, hashes)

    def why(step: Step) -> Iterable[str]:
        renewed = isinstance(step, PutBytes) and step.path.endswith(tls.certificate) and files.renewed
        return [f"new certificate: {files.renewed}"] if renewed else []

    yield from acting.carry_out(steps, why)


def _files(acting: Acting, wanted: LabSettings) -> ServerFiles | None:
    """Return the certificate for a host's registry; None if there is none, or none of ours to put there."""
    try:
        return server_files(wanted.registry, address_of(acting.host), keeper_of(wanted))
    except AuthorityUnusable as error:
        raise StepFailed(str(error)) from error
    except OSError as error:
        raise StepFailed(f"{error.filename}: {error.strerror}") from error
