"""Run the rows: start the peers, let them take turns in every round, keep what was measured on a quiet
machine.
"""

import contextlib
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

from benchmarks.content import Content, Sizes
from benchmarks.peers import PASSWORD, USER, Access, Certificate, Peer
from benchmarks.processes import Machine, Server
from benchmarks.rows import ROWS, Context, Row, missing_programs

MOST_RETRIES = 6

COLD_START, IDLE = "cold-start", "idle"


@dataclass(frozen=True)
class Plan:
    """What to run, and how carefully."""

    peers: Sequence[Peer]
    sizes: Sizes
    rounds: int
    keys: frozenset[str]
    """Rows to run; empty: all."""
    memory: str
    """A directory in memory, for what is not about the disk."""
    disk: str
    """A directory on a disk."""
    most_noise: float
    """Share of all processors that other processes may take during a run that counts."""
    say: Callable[[str], None]

    def wants(self, key: str) -> bool:
        """Return whether a row is to be run."""
        return not self.keys or key in self.keys


@dataclass
class Sample:
    """One peer's results for one row."""

    values: list[float] = field(default_factory=list)
    """As the row says: MB/s, requests/s or seconds."""
    peaks: list[float] = field(default_factory=list)
    """Most resident memory during a run, in MB, of the process and its children."""
    noise: list[float] = field(default_factory=list)
    """Share of all processors that other processes took."""

    @property
    def median(self) -> float:
        """The value that counts."""
        return statistics.median(self.values)


Results = dict[str, dict[str, Sample]]
"""Samples by row and peer."""


def run(plan: Plan) -> Results:
    """Run every row that is wanted and possible, and return what was measured."""
    results: Results = {}
    with _directory(plan.memory) as memory, _directory(plan.disk) as disk:
        _cold_starts(plan, memory, results)
        certificate, users = make_certificate(memory), make_users(memory)
        for place, on_disk in ((memory, False), (disk, True)):
            rows = [
                row for row in ROWS if row.disk == on_disk and plan.wants(row.key) and _possible(plan, row)
            ]
            if not rows:
                continue
            plan.say(f"preparing content in {'a directory on disk' if on_disk else 'memory'}")
            content = Content(os.path.join(place, "shared"), plan.sizes)
            for row in rows:
                access = Access(certificate if row.encrypted else None, users if row.login else None)
                _row(plan, row, place, content, access, results)
    return results


def as_json(results: Results) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Return results as plain data."""
    return {
        row: {peer: asdict(sample) for peer, sample in samples.items()} for row, samples in results.items()
    }


@contextlib.contextmanager
def _directory(parent: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=parent) as directory:
        yield directory


def _possible(plan: Plan, row: Row) -> bool:
    missing = missing_programs(row)
    if missing:
        plan.say(f"{row.title}: left out, {', '.join(missing)} is not installed")
    return not missing


def _cold_starts(plan: Plan, place: str, results: Results) -> None:
    """Measure the time from the start of a process to its first answer, and its memory then."""
    if not plan.wants(COLD_START):
        return
    for _ in range(plan.rounds):
        for peer in plan.peers:
            root = os.path.join(place, "empty", peer.name)
            server = peer.start(root, place)
            try:
                _sample(results, COLD_START, peer.name).values.append(server.start_seconds)
                _sample(results, IDLE, peer.name).values.append(server.resident())
            finally:
                server.stop()


def _row(  # noqa: PLR0917
    plan: Plan, row: Row, place: str, content: Content, access: Access, results: Results
) -> None:
    """Run one row: everyone is started anew, so that memory is that of this row, and one works at a time."""
    with contextlib.ExitStack() as stack:
        contexts: dict[str, tuple[Server, Context]] = {}
        for peer in plan.peers:
            if not (peer.pushes or row.blobs_only):
                continue
            root = os.path.join(place, f"own-{peer.name}") if row.pushes else content.store.root
            os.makedirs(root, exist_ok=True)
            server = peer.start(root, place, access)
            stack.callback(server.stop)
            contexts[peer.name] = server, Context(content, plan.sizes, root)
        _take_turns(plan, row, contexts, results)


def _take_turns(plan: Plan, row: Row, contexts: dict[str, tuple[Server, Context]], results: Results) -> None:
    names = list(contexts)
    machine = Machine([server for server, _ in contexts.values()])
    for turn in range(plan.rounds):
        # Everyone is first as often as last.
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            server, context = contexts[name]
            _measure(plan, row, machine, server, context, _sample(results, row.key, name))
    plan.say(
        row.title
        + ": "
        + ", ".join(f"{name} {results[row.key][name].median:.6g}" for name in names)
        + f" {row.unit}"
    )


def _measure(  # noqa: PLR0917
    plan: Plan, row: Row, machine: Machine, server: Server, context: Context, sample: Sample
) -> None:
    """Add one run; one during which others were busy is repeated, and the quietest kept if all were."""
    best: tuple[float, float, float] | None = None
    for _ in range(MOST_RETRIES):
        server.forget_peak()
        with machine.watch():
            value = row.measure(server, context)
        run = machine.others, value, server.resident("VmHWM")
        best = run if best is None else min(best, run)
        if row.pushes:
            shutil.rmtree(os.path.join(context.store, "docker"))
        if machine.others <= plan.most_noise:
            break
    assert best is not None
    noise, value, peak = best
    sample.noise.append(round(noise, 3))
    sample.values.append(value)
    sample.peaks.append(round(peak, 1))


def _sample(results: Results, row: str, peer: str) -> Sample:
    return results.setdefault(row, {}).setdefault(peer, Sample())


def make_certificate(directory: str) -> Certificate:
    """Write a self-signed certificate for 127.0.0.1."""
    # Here because only this needs it, and it takes a moment to load.
    import trustme  # noqa: PLC0415

    issued = trustme.CA().issue_cert("127.0.0.1", "localhost")
    chain, key = os.path.join(directory, "chain.pem"), os.path.join(directory, "key.pem")
    issued.private_key_pem.write_to_path(key)
    for index, part in enumerate(issued.cert_chain_pems):
        part.write_to_path(chain, append=index > 0)
    return Certificate(chain, key)


def make_users(directory: str) -> str:
    """Write a file of one user, with bcrypt as ``htpasswd -B`` does it by default."""
    import bcrypt  # noqa: PLC0415 - only this needs it

    path = os.path.join(directory, "htpasswd")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"{USER}:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5)).decode()}\n")
    return path
