"""The order in which a host is provisioned, and a fleet. Nothing else."""

from __future__ import annotations

from pyinfra.api.host import Host
from pyinfra.api.state import State

from deploy.operations.certificate import certificate
from deploy.operations.container import container
from deploy.operations.directory import directory
from deploy.operations.engine import engine
from deploy.operations.firewall import firewall
from deploy.operations.gate import gate
from deploy.operations.host import host as look
from deploy.operations.image import image
from deploy.operations.network import network
from deploy.operations.ours import ours
from deploy.operations.placing import note
from deploy.operations.proof import proof
from deploy.operations.service import service
from deploy.operations.tidying import tidying
from deploy.operations.trust import trust
from deploy.operations.users import users
from deploy.run import run_of
from deploy.settings import LabSettings


def roll_out(state: State, host: Host) -> None:
    """Provision ``host`` in its wave, and let it pass the gates of the others."""
    run = run_of(state)
    several = len(run.waves) > 1
    for wave in host.loop(range(len(run.waves))):  # type: ignore[no-untyped-call]
        if several:
            gate(name=f"Wave {wave + 1} of {len(run.waves)}", wave=wave)
        if run.host(host).wave == wave:
            provision(run.wanted(host), suffix=f" (wave {wave + 1})" if several else "")


def provision(wanted: LabSettings, suffix: str = "") -> None:
    """Take one host from a bare engine to a proven registry."""
    look(name=f"Host{suffix}", wanted=wanted)
    ours(name=f"Own directory{suffix}")
    engine(name=f"Engine{suffix}", wanted=wanted)
    service(name=f"Service{suffix}", wanted=wanted)
    network(name=f"Network{suffix}", wanted=wanted)
    image(name=f"Image{suffix}", wanted=wanted)
    directory(name=f"Data directory{suffix}", wanted=wanted)
    note(name=f"Note{suffix}", wanted=wanted)
    certificate(name=f"Certificate{suffix}", wanted=wanted)
    users(name=f"Users{suffix}", wanted=wanted)
    trust(name=f"Trust{suffix}", wanted=wanted)
    container(name=f"Registry{suffix}", wanted=wanted)
    firewall(name=f"Firewall{suffix}", wanted=wanted)
    proof(name=f"Proof{suffix}", wanted=wanted)
    tidying(name=f"Tidying{suffix}", wanted=wanted)
