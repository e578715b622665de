"""Writes the tables of docs/benchmarks.md from docs/benchmarks-runs.csv: `python -m ops.benchmark_page [REPORT...]`.

REPORT: what `tidegate capacity --json` wrote; a verified run of 200,000 manifests is added to the record first.
"""

import csv
import json
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ops.rule_pages import DOCS, between, table

RUNS = DOCS / "benchmarks-runs.csv"
PAGE = DOCS / "benchmarks.md"
BEGIN = "<!-- runs: written by python -m ops.benchmark_page -->"
END = "<!-- end of runs -->"
MANIFESTS = 200_000  # asked for; a little less is decided
Run = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Bound:
    """A column of the record and how much it may be: at least `at_least`, or at most `at_most`."""

    column: str
    name: str
    at_least: float | None = None
    at_most: float | None = None

    def keeps(self, value: float) -> bool:
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    def text(self) -> str:
        return f"≥ {self.at_least:,.0f}" if self.at_least is not None else f"≤ {self.at_most:,.0f}" if self.at_most is not None else "-"


MEMORY_AND_PROOF = Bound("worker_mb", "larger worker, MB", at_most=500), Bound("verifier_s", "verifier, s", at_most=60)
BOUNDS = {
    "clean-mix": (
        Bound("manifests_per_second", "manifests/s", at_least=8000),
        Bound("workers_us", "workers, µs a manifest", at_most=90),
        Bound("postgres_us", "PostgreSQL, µs", at_most=70),
        Bound("broker_us", "broker, µs", at_most=15),
        *MEMORY_AND_PROOF,
    ),
    "waybills-late": (
        Bound("manifests_per_second", "manifests/s", at_least=6000),
        Bound("workers_us", "workers, µs a manifest"),
        Bound("postgres_us", "PostgreSQL, µs", at_most=90),
        Bound("broker_us", "broker, µs"),
        *MEMORY_AND_PROOF,
    ),
}


def row(report: Mapping[str, Any], day: date) -> dict[str, str]:
    """One report as a line of the record; ValueError where it was not verified or has another size."""
    if report["verified"] is not True or report["manifests"] < 0.99 * MANIFESTS:
        raise ValueError(f"only a verified run of {MANIFESTS:,} manifests is kept; this one: verified {report['verified']}, {report['manifests']:,}")
    cpu, ratio = report["cpu_us_per_manifest"], report.get("ratio_to_baseline")
    return {
        "date": day.isoformat(), "commit": report["commit"][:7], "profile": report["profile"],
        "manifests_per_second": f"{report['manifests_per_second']:.0f}", "workers_us": f"{cpu['workers']:.1f}", "postgres_us": f"{cpu['postgres']:.1f}",
        "broker_us": f"{cpu['broker']:.1f}", "worker_mb": f"{report['peak_rss_mb']['workers']:.0f}", "steal_percent": f"{report['steal_percent']:.1f}",
        "verifier_s": f"{sum(report['proof']['seconds'].values()):.0f}", "times_the_baseline": "" if ratio is None else f"{ratio:.1f}",
    }  # fmt: skip


def tables(runs: Sequence[Run]) -> str:
    """Median, best and worst of each profile beside its bounds, and the ratios to the baseline."""
    parts = [_of_profile(profile, [run for run in runs if run["profile"] == profile]) for profile in BOUNDS]
    ratios = [f"{value:.1f}" for value in values(runs, "times_the_baseline")]
    return "\n".join([*parts, f"Times the plain-Faust baseline, of one run each (required 10, goal 20): {', '.join(ratios)}.\n"])


def values(runs: Iterable[Run], column: str) -> list[float]:
    """What the runs have in a column; a few of the first lack some."""
    return [float(run[column]) for run in runs if run[column]]


def _of_profile(profile: str, runs: Sequence[Run]) -> str:
    found: list[tuple[str, ...]] = []
    for bound in BOUNDS[profile]:
        of_runs = values(runs, bound.column)
        best, worst = (max, min) if bound.at_least is not None else (min, max)
        digits = 1 if bound.column.endswith("_us") else 0
        shown = [f"{value:,.{digits}f}" for value in (statistics.median(of_runs), best(of_runs), worst(of_runs))]
        kept = f"{sum(map(bound.keeps, of_runs))} of {len(of_runs)}" if bound.text() != "-" else "-"
        found.append((bound.name, *shown, bound.text(), kept))
    bounds = [bound for bound in BOUNDS[profile] if bound.column != "verifier_s"]
    together = sum(all(bound.keeps(value) for bound in bounds for value in values([run], bound.column)) for run in runs)
    head = (f"`{profile}`, {len(runs)} runs", "median", "best", "worst", "bound", "kept by")
    return table(head, found) + f"\nAll bounds but the verifier's together: {together} of {len(runs)} runs.\n"


def page(text: str, runs: Sequence[Run]) -> str:
    """The page with its tables written anew; ValueError without the markers."""
    return between(text, BEGIN, END, tables(runs))


def recorded() -> list[dict[str, str]]:
    """The runs of the record, oldest first."""
    with RUNS.open(newline="") as file:
        return list(csv.DictReader(file))


def main(reports: Sequence[str]) -> None:
    """Add the reports to the record and write the page."""
    new = [row(json.loads(Path(report).read_text()), date.today()) for report in reports]
    if new:
        with RUNS.open("a", newline="") as file:
            csv.DictWriter(file, list(new[0]), lineterminator="\n").writerows(new)
    PAGE.write_text(page(PAGE.read_text(), recorded()))


if __name__ == "__main__":
    main(sys.argv[1:])
