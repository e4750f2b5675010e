"""Picture: the ratios to the naive design, one line a workload, on a logarithmic scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.rows import Row

STYLES = {
    "exo": ("o", "#0b6e4f", 11),
    "exo uvloop": ("o", "#6bbf8a", 9),
    "careful": ("s", "#c58b2a", 7),
    "nautilus": ("^", "#7a5ea8", 7),
    "vnpy": ("v", "#b0567a", 7),
    "bare loop": ("x", "#777777", 6),
}
GO = ("D", "#2a7fb8", 7)


def draw(rows: Sequence[Row], file: Path, conditions: str) -> None:
    """Draw each workload that was measured beside the naive design."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "exo", "font.family": "sans-serif"})
    from matplotlib import pyplot

    workloads = list(dict.fromkeys(row.workload for row in rows if row.variant == "naive" and row.ratio == 1))
    figure, axes = pyplot.subplots(figsize=(10, 1.6 + 0.42 * len(workloads)), layout="constrained")
    labelled: set[str] = set()

    def mark(name: str, style: tuple[str, str, int], x: float, y: int) -> None:
        marker, colour, size = style
        label = None if name in labelled else name
        labelled.add(name)
        axes.plot(x, y, marker, color=colour, markersize=size, label=label, linestyle="")

    axes.axvline(1, color="#444444", linewidth=1.2, label="naive: a Task and a Queue per order")
    for y, workload in enumerate(workloads):
        for row in (row for row in rows if row.workload == workload and row.ratio):
            assert row.ratio is not None
            if row.elsewhere is not None and row.variant == "exo":
                mark("Go original, measured elsewhere", GO, row.elsewhere, y)
            if row.variant in STYLES:
                mark(row.variant, STYLES[row.variant], row.ratio, y)
            if row.target is not None:
                axes.plot([row.target] * 2, [y - 0.36, y + 0.36], color="#0b6e4f", linewidth=2, alpha=0.55)
    axes.plot([], [], color="#0b6e4f", linewidth=2, alpha=0.55, label="exo's target")
    axes.set_xscale("log")
    axes.set_yticks(range(len(workloads)), workloads)
    axes.invert_yaxis()
    axes.grid(axis="x", which="both", alpha=0.2)
    axes.set_xlabel(
        f"time, as a ratio to the naive design in the same rounds; left is faster\n{conditions}", fontsize=8
    )
    figure.legend(loc="outside upper center", ncols=4, fontsize=8, frameon=False)
    figure.savefig(file, format="svg", metadata={"Date": None})
