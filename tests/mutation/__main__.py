"""`make mutate`: change one thing at a time and see that some test fails; what survives is killed or listed with a reason.

Works on copies below .tidegate/mutation, never on the project's own files. Exit 1 on a survivor that is not listed.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue
from random import Random
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.mutation.mutants import Mutant, every

ROOT = Path(__file__).parents[2]
SCRATCH = ROOT / ".tidegate" / "mutation"
LEFT_OUT = {".git", ".venv", ".tidegate", ".pytest_cache", ".ruff_cache", ".hypothesis", "docs"}
SAMPLE = 120
SECONDS = 600.0  # for one mutant; a survivor takes minutes, on a busy machine that may not be enough: it is named then, not passed over
UNDECIDED = ("survived", "timeout")
TOLD = 100  # mutants between two lines of a log
QUICK = 6.0  # seconds
LATELY = 6  # quick tests that noticed a mutant of the same file before, asked first: mostly one of them notices the next
LAW = [
    *(f"tests/golden/test_{name}.py" for name in (
        "law_values", "every_term", "codes", "rules", "tax", "weights", "control", "classes", "risk", "samples", "worked_examples",
    )),
    *(f"tests/schemas/test_{name}.py" for name in ("lawbook", "law_check", "control", "classes", "risk", "samples")),
]  # fmt: skip
ALL = [*LAW, *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "tests" / "pipeline").glob("test_*.py")), "tests/golden/test_stock_rejects.py", "tests/golden/test_generator.py"]
READING_LAW = ("tests/pipeline/test_nulls.py", "tests/pipeline/test_tax.py")  # when they are imported, and run polars
# the likeliest first, by file; then all that can notice, those that take the least time before the others
FIRST = {
    "schemas/law/rules.toml": ["tests/golden/test_every_term.py", "tests/golden/test_law_values.py"],
    "schemas/law/weights.toml": ["tests/golden/test_law_values.py", "tests/golden/test_weights.py"],
    "schemas/law/control.toml": ["tests/golden/test_law_values.py", "tests/golden/test_control.py"],
    "schemas/law/classes.toml": ["tests/golden/test_law_values.py", "tests/golden/test_classes.py"],
    "schemas/law/risk.toml": ["tests/golden/test_law_values.py", "tests/golden/test_every_term.py", "tests/golden/test_risk.py"],
    "schemas/law/samples.toml": ["tests/golden/test_law_values.py", "tests/golden/test_samples.py"],
    "schemas/law/": ["tests/golden/test_law_values.py"],
    "schemas/": ["tests/schemas/test_law_check.py", "tests/golden/test_law_values.py", "tests/golden/test_tax.py"],
    "pipeline/attempts.py": ["tests/golden/test_codes.py", "tests/pipeline/test_attempts.py"],
    "pipeline/contested.py": ["tests/pipeline/test_contested.py", "tests/golden/test_codes.py", "tests/pipeline/test_attempts.py"],
    "pipeline/open_orders.py": ["tests/golden/test_codes.py", "tests/pipeline/test_attempts.py"],
    "pipeline/identity.py": ["tests/golden/test_rules.py"],
    "pipeline/ledgers.py": ["tests/pipeline/test_ledgers.py"],
    "pipeline/securing.py": ["tests/pipeline/test_stock.py", "tests/golden/test_stock_rejects.py"],
    "pipeline/derived.py": ["tests/pipeline/test_edges.py", "tests/golden/test_tax.py", "tests/golden/test_codes.py", "tests/golden/test_rules.py"],
    "pipeline/decide.py": ["tests/golden/test_worked_examples.py"],
    "pipeline/guarantees.py": ["tests/pipeline/test_guarantees.py", "tests/golden/test_codes.py"],
    "pipeline/rejudge.py": ["tests/pipeline/test_rejudge.py"],
    "pipeline/sightings.py": ["tests/pipeline/test_sightings.py"],
    "pipeline/documents.py": ["tests/pipeline/test_documents.py"],
    "pipeline/classes.py": ["tests/golden/test_classes.py", "tests/pipeline/test_rejudge.py"],
    "pipeline/control.py": ["tests/golden/test_control.py"],
    "pipeline/risk.py": ["tests/golden/test_risk.py", "tests/pipeline/test_rejudge.py"],
    "pipeline/sampling.py": ["tests/golden/test_samples.py", "tests/pipeline/test_rejudge.py"],
    "pipeline/goods_before.py": ["tests/pipeline/test_sightings.py -k goods", "tests/pipeline/test_sightings.py"],
    "pipeline/manifests.py": ["tests/pipeline/test_manifests.py", "tests/golden/test_codes.py"],
    "pipeline/stock.py": ["tests/pipeline/test_stock.py", "tests/golden/test_codes.py"],
    "pipeline/rules.py": ["tests/pipeline/test_rules.py", "tests/pipeline/test_rejudge.py", "tests/golden/test_codes.py"],
    "pipeline/registry.py": ["tests/pipeline/test_registry.py", "tests/golden/test_codes.py"],
    "pipeline/": ["tests/golden/test_codes.py"],
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """`reason`: why a survivor is equivalent, as listed; empty for all others."""

    mutant: Mutant
    verdict: str
    by: str
    reason: str


def tests_for(mutant: Mutant, lately: Sequence[str], seconds: Mapping[str, float]) -> list[str]:
    """All tests that can notice, the likeliest first: `lately`, those that noticed others of its file; of a rule, its own vectors.
    `seconds`: what each of ALL takes."""
    first = next((tests for prefix, tests in FIRST.items() if mutant.file.startswith(prefix)), [])
    own = [f"tests/golden/test_rules.py -k {mutant.entry}"] if mutant.entry else []
    lately = [test for test in lately if seconds[test.partition("::")[0]] <= QUICK]
    rest = sorted(LAW if mutant.file.startswith("schemas/law") else ALL, key=lambda test: seconds[test])
    return list(dict.fromkeys([*([" ".join(lately)] if lately else []), *own, *first, *rest]))


def equivalents() -> dict[tuple[str, str, str, int], str]:
    """Mutant.key → why no test can tell it from the original."""
    listed = tomllib.loads((Path(__file__).parent / "equivalent.toml").read_text())["mutant"]
    return {(x["file"], x["where"], x["change"], x.get("nth", 1)): x["reason"] for x in listed}


class Failed(RuntimeError):
    """A test does not pass without any mutant, or a copy does not start."""


class Bench:
    """A copy of the project with two servers: a warm one with all imports done, a cold one for what takes an import."""

    def __init__(self, number: int) -> None:
        self.place = SCRATCH / str(number)
        shutil.copytree(ROOT, self.place, ignore=lambda _, names: LEFT_OUT & set(names), dirs_exist_ok=True)
        # else every mutant compiles the whole project and its tests again, which is half of its time
        compiling = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--collect-only", *ALL], cwd=self.place, env=compiling, check=True, stdout=subprocess.DEVNULL
        )
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "POLARS_MAX_THREADS": "1", "PYTHONPATH": str(self.place)}
        imported = [test.removesuffix(".py").replace("/", ".") for test in ["tests/conftest.py", *ALL] if test not in READING_LAW]
        self.servers = {
            kind: subprocess.Popen(
                [sys.executable, "-m", "tests.mutation.server", kind, *imported], cwd=self.place, env=environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )
            for kind in ("warm", "cold")
        }  # fmt: skip
        for kind, server in self.servers.items():  # before any file is mutated
            if server.stdout is None or server.stdout.readline() != "ready\n":
                raise Failed(f"the server for {kind} does not start")

    def ask(self, kind: str, tests: Sequence[str], code: str = "") -> dict[str, str]:
        server = self.servers[kind]
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(json.dumps({"tests": tests, "seconds": SECONDS, "code": code}) + "\n")
        server.stdin.flush()
        return json.loads(server.stdout.readline())

    def whole(self) -> dict[str, float]:
        """Seconds that each of ALL takes without a mutant. Failed when one does not pass."""
        seconds: dict[str, float] = {}
        for test in ALL:
            begun = time.perf_counter()
            if (answer := self.ask("warm", [test]))["verdict"] != "survived":
                raise Failed(f"without a mutant {answer['by'] or test} fails: {answer['verdict']}")
            seconds[test] = time.perf_counter() - begun
        return seconds

    def try_out(self, mutant: Mutant, tests: Sequence[str]) -> dict[str, str]:
        """Mutate the copy, run, and put it right again: the time of change too, by which Python knows what is compiled."""
        file = self.place / mutant.file
        source, changed = file.read_text(), file.stat().st_mtime_ns
        file.write_text(source[: mutant.start] + mutant.text + source[mutant.end :])
        try:
            answer = self.ask("warm", tests, mutant.file if mutant.file.endswith(".py") else "")
            return self.ask("cold", tests) if answer["verdict"] == "cold" else answer
        finally:
            file.write_text(source)
            os.utime(file, ns=(changed, changed))

    def close(self) -> None:
        for server in self.servers.values():
            server.communicate()


def judged(benches: Sequence[Bench], mutants: Iterable[Mutant], seconds: Mapping[str, float]) -> Iterator[Outcome]:
    """Outcomes as they come; each bench tries one mutant at a time. `seconds`: what each of ALL takes."""
    known, idle = equivalents(), SimpleQueue[Bench]()
    lately: dict[str, list[str]] = {}
    for bench in benches:
        idle.put(bench)

    def one(mutant: Mutant) -> Outcome:
        bench = idle.get()
        try:
            answer = bench.try_out(mutant, tests_for(mutant, lately.get(mutant.file, []), seconds))
        finally:
            idle.put(bench)
        if answer["verdict"] == "killed" and "::" in answer["by"]:
            test = answer["by"].partition("[")[0]
            lately[mutant.file] = [test, *(t for t in lately.get(mutant.file, []) if t != test)][:LATELY]
        reason = known.get(mutant.key, "") if answer["verdict"] in UNDECIDED else ""
        return Outcome(mutant, answer["verdict"], answer["by"], reason)

    with ThreadPoolExecutor(len(benches)) as pool:
        yield from pool.map(one, mutants)


def shown(outcome: Outcome) -> dict[str, Any]:
    return asdict(outcome.mutant) | {"verdict": outcome.verdict, "by": outcome.by, "reason": outcome.reason}


def main(
    only: Annotated[str, typer.Option(help="files whose path contains this")] = "",
    sample: Annotated[int, typer.Option(help="so many, drawn by the seed; 0: all")] = SAMPLE,
    seed: Annotated[int, typer.Option()] = 1,
    jobs: Annotated[int, typer.Option(min=1)] = os.cpu_count() or 1,
    result: Annotated[Path | None, typer.Option("--json", help="write every outcome there")] = None,
) -> None:
    """Mutate the law data and the core, and name what no test notices. Stopped on the way (Ctrl-C, SIGTERM), it tells what it has."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    said = Console(stderr=True)
    mutants = every(ROOT, only)
    chosen = sorted(Random(seed).sample(mutants, sample), key=mutants.index) if 0 < sample < len(mutants) else mutants
    said.print(f"{len(chosen)} of {len(mutants)} mutants, seed {seed}; first the tests without any")
    benches: list[Bench] = []
    outcomes: list[Outcome] = []
    try:
        benches += (Bench(n) for n in range(jobs))
        seconds = benches[0].whole()
        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=said) as progress:
            task = progress.add_task("", total=len(chosen))
            for outcome in judged(benches, chosen, seconds):
                outcomes.append(outcome)
                if not said.is_terminal and len(outcomes) % TOLD == 0:  # where no bar is shown
                    said.print(f"{len(outcomes)} of {len(chosen)}, now {outcome.mutant.file}")
                progress.update(task, advance=1, description=outcome.mutant.file)
                if outcome.verdict in UNDECIDED and not outcome.reason:
                    progress.print(f"{outcome.verdict}  {outcome.mutant}", markup=False)
    except Failed as e:
        said.print(str(e), markup=False)
        raise typer.Exit(1) from None
    finally:
        for bench in benches:
            bench.close()
        if result is not None:
            result.write_text(json.dumps([shown(o) for o in outcomes], ensure_ascii=False, indent=1) + "\n")
    counts = Counter("equivalent" if o.reason else o.verdict for o in outcomes)
    said.print(", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    raise typer.Exit(1 if any(counts[verdict] for verdict in UNDECIDED) else 0)


if __name__ == "__main__":
    typer.run(main)
