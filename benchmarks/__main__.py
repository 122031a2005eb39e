"""Measure the registry against its peers: ``python -m benchmarks [--quick]``.

Every peer answers the same requests for the same files, one after the other in each of several rounds;
medians and ratios are printed as Markdown, and written with all single values to ``docs/benchmarks``. Two
tables: in a network namespace where all peers use the same TCP congestion control, and as everyone ships on
this host.

Peers: docker-registry, nginx and wrk as installed; distribution v3 where ``REGISTRY_V3`` names its binary.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from typing import Any

from benchmarks import installation, network
from benchmarks.content import QUICK, Sizes
from benchmarks.peers import installed
from benchmarks.plot import plot
from benchmarks.report import TITLES, missed, table
from benchmarks.rows import ROWS
from benchmarks.run import Plan, Results, Sample, as_json, run


def main() -> int:
    """Run both tables, or with ``--measure`` one, in the network that this process is in."""
    options = _options()
    # As an exception, so that every server that was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.measure:
        _measure(options)
        return 0
    # While there is a network: the first table is measured in one that reaches nothing.
    installation.python()
    tables: dict[str, Any] = {}
    for name in (options.tables or ("shipped" if options.quick else "same,shipped")).split(","):
        obstacle = network.obstacle() if name == "same" else None
        if obstacle is not None:
            print(f"table {TITLES[name]!r} left out: {obstacle}", file=sys.stderr)
            continue
        tables[name] = _run_in_child(name)
    return _write(tables, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--quick", action="store_true", help="see that everything works: tiny sizes, one round"
    )
    parser.add_argument("--rounds", type=int, default=5, help="runs of each peer in each row (default: 5)")
    parser.add_argument(
        "--rows", default="", help=f"only these, with commas: {', '.join(row.key for row in ROWS)}"
    )
    parser.add_argument("--tables", help="same, shipped or same,shipped (default; with --quick: shipped)")
    parser.add_argument("--memory", default="/dev/shm", help="directory in memory (default: /dev/shm)")
    parser.add_argument(
        "--disk", default=tempfile.gettempdir(), help="directory on a disk (default: %(default)s)"
    )
    parser.add_argument(
        "--noise", type=float, default=0.1, help="share of the processors that others may take"
    )
    parser.add_argument(
        "--output", default="docs/benchmarks", help="directory for results (default: %(default)s)"
    )
    parser.add_argument("--measure", metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--as-shipped", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(options: argparse.Namespace) -> None:
    peers, _ = installed(as_shipped=options.as_shipped)
    results = run(
        Plan(
            peers=peers,
            sizes=QUICK if options.quick else Sizes(),
            rounds=1 if options.quick else options.rounds,
            keys=frozenset(filter(None, options.rows.split(","))),
            memory=options.memory,
            disk=options.disk,
            most_noise=1.0 if options.quick else options.noise,
            say=lambda text: print(text, file=sys.stderr, flush=True),
        )
    )
    with open(options.measure, "w", encoding="utf-8") as file:
        json.dump(as_json(results), file)


def _run_in_child(name: str) -> dict[str, Any]:
    """Run this program once more for one table, in the network that the table is about."""
    print(f"== {TITLES[name]}", file=sys.stderr)
    with tempfile.NamedTemporaryFile("r", suffix=".json", encoding="utf-8") as file:
        command = [sys.executable, "-m", "benchmarks", *sys.argv[1:], "--measure", file.name]
        command = network.inside(command) if name == "same" else [*command, "--as-shipped"]
        _run_to_its_end(command)
        results: dict[str, Any] = json.load(file)
        return results


def _run_to_its_end(command: list[str]) -> None:
    """Run a command; if this process is told to stop, let the command stop its servers first."""
    with subprocess.Popen(command) as process:
        try:
            status = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if status:
        raise subprocess.CalledProcessError(status, command)


def _write(tables: dict[str, Any], options: argparse.Namespace) -> int:
    os.makedirs(options.output, exist_ok=True)
    text = [f"Measured {datetime.now(UTC):%Y-%m-%d} on {describe_machine()}.\n"]
    _, missing = installed()
    text += [f"Left out: {sentence}.\n" for sentence in missing]
    for name, data in tables.items():
        results = _from_json(data)
        control = network.CONTROL if name == "same" else network.host_control()
        text.append(f"### {TITLES[name]} ({control})\n\n{table(results)}")
        text += [f"* not reached: {miss.title}: {miss.text}" for miss in missed(results)]
        text.append("")
        with open(os.path.join(options.output, f"{name}.svg"), "w", encoding="utf-8") as file:
            file.write(plot(results, TITLES[name]))
    with open(os.path.join(options.output, "results.json"), "w", encoding="utf-8") as file:
        json.dump({"machine": describe_machine(), "tables": tables}, file, indent=1)
    report = "\n".join(text)
    with open(os.path.join(options.output, "results.md"), "w", encoding="utf-8") as file:
        file.write(report)
    print(report)
    return 0 if tables else 1


def _from_json(data: dict[str, Any]) -> Results:
    return {row: {peer: Sample(**sample) for peer, sample in peers.items()} for row, peers in data.items()}


def describe_machine() -> str:
    """Return processors, memory, kernel and Python in a line."""
    model = platform.machine()
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next(
            (line.partition(":")[2].strip() for line in file if line.startswith("model name")), model
        )
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    python = platform.python_version()
    return f"{os.cpu_count()} × {model}, {gigabytes:.0f} GB, Linux {platform.release()}, Python {python}"


if __name__ == "__main__":
    sys.exit(main())
