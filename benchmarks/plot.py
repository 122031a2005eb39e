"""The ratios as a picture."""

import pygal

from benchmarks.peers import OURS
from benchmarks.report import ratio
from benchmarks.rows import ROWS
from benchmarks.run import Results


def plot(results: Results, title: str) -> str:
    """Return an SVG with one group of bars for each row: how many times a peer's speed ours has."""
    rows = [row for row in reversed(ROWS) if len(results.get(row.key, {})) > 1]
    peers = dict.fromkeys(name for row in rows for name in results[row.key] if name != OURS)
    chart = pygal.HorizontalBar(
        title=title,
        x_title="times the peer's speed (logarithmic; more is better for us)",
        logarithmic=True,
        height=60 + 34 * len(rows) * max(1, len(peers)) // 2,
        width=900,
        disable_xml_declaration=True,
        js=[],
        legend_at_bottom=True,
        value_formatter=lambda value: f"{value:.2f}",
        print_values=True,
    )
    chart.x_labels = [row.title.replace("`", "") for row in rows]
    for peer in peers:
        values = [ratio(row, results[row.key], peer) if peer in results[row.key] else None for row in rows]
        chart.add(f"ours ÷ {peer}", values)
    return str(chart.render(is_unicode=True))
