"""Results as Markdown: medians, ratios of ours to each peer, memory and start, and what of the goals is not
reached.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import goals
from benchmarks.peers import OURS
from benchmarks.rows import ROWS, Row
from benchmarks.run import COLD_START, IDLE, Results, Sample

TITLES = {
    "same": "Same congestion control for everyone",
    "shipped": "As everyone ships",
}


@dataclass(frozen=True)
class Missed:
    """A goal that was not reached."""

    title: str
    text: str


def table(results: Results) -> str:
    """Return the table of one transport, memory and start included."""
    peers = [name for name in _names(results) if name != OURS]
    lines = [
        "| | ours | " + " | ".join(f"{name} | ours ÷ it" for name in peers) + " | unit |",
        "|---|--:|" + "--:|--:|" * len(peers) + "---|",
    ]
    lines += [
        _line(row.title, row.unit, results[row.key], peers, lower=row.lower_is_better)
        for row in ROWS
        if OURS in results.get(row.key, {})
    ]
    if COLD_START in results:
        lines.append(_line("cold start", "s", results[COLD_START], peers, lower=True))
        lines.append(_line("memory, idle", "MB", results[IDLE], peers, lower=True))
    for key, title in (("pull-16", "16 pulls"), ("push", "push"), ("push-16", "16 pushes")):
        if key in results:
            peaks = {name: Sample(sample.peaks) for name, sample in results[key].items()}
            lines.append(_line(f"memory, {title}", "MB", peaks, peers, lower=True))
    return "\n".join(lines) + "\n"


def missed(results: Results) -> Iterator[Missed]:
    """Yield the goals that these results do not reach."""
    for row in ROWS:
        for peer, wanted in goals.RATIOS.get(row.key, {}).items():
            samples = results.get(row.key, {})
            if peer in samples and OURS in samples:
                reached = ratio(row, samples, peer)
                if reached < wanted:
                    yield Missed(row.title, f"{reached:.2f} times {peer}, wanted {wanted}")
    for key, most in goals.MEMORY.items():
        if OURS in results.get(key, {}):
            sample = results[key][OURS]
            peak = max(sample.peaks or sample.values)
            if peak > most:
                yield Missed(f"memory, {key}", f"{peak:.0f} MB, wanted {most:.0f}")
    if (
        OURS in results.get(COLD_START, {})
        and (seconds := results[COLD_START][OURS].median) > goals.COLD_START
    ):
        yield Missed("cold start", f"{seconds:.3f} s, wanted {goals.COLD_START}")


def ratio(row: Row, samples: dict[str, Sample], peer: str) -> float:
    """Return how many times better ours is than ``peer``."""
    return _ratio(samples[OURS].median, samples[peer].median, lower=row.lower_is_better)


def _ratio(ours: float, theirs: float, *, lower: bool) -> float:
    return theirs / ours if lower else ours / theirs


def _names(results: Results) -> list[str]:
    return list(dict.fromkeys(name for samples in results.values() for name in samples))


def _line(title: str, unit: str, samples: dict[str, Sample], peers: list[str], *, lower: bool) -> str:
    ours = samples[OURS].median
    cells = []
    for peer in peers:
        if peer in samples:
            theirs = samples[peer].median
            cells += [number(theirs), f"{_ratio(ours, theirs, lower=lower):.2f}"]
        else:
            cells += ["", ""]
    return f"| {title} | {number(ours)} | {' | '.join(cells)} | {unit} |"


def number(value: float) -> str:
    """Return a value with three significant digits and commas."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
