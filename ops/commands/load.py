"""capacity, verify: load and proof."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from loadtest.generate import profile_names
from loadtest.plain_faust.compared import compare_topics
from loadtest.verify import Proof
from ops.capacity import Measured, Plan, baseline_said, fresh_stack, generated, prepare, run
from ops.commands.reach import ready
from ops.commands.share import share_1e4
from ops.commands.show import FAILED, OUT, AsJson, Steps, fail, print_json, table, yuan
from ops.failed import RunFailed
from ops.proof import proof_of
from schemas.endpoints import Endpoints, home_folder

Manifests = Annotated[int, typer.Option(help="Order numbers in the set.", min=100, max=5_000_000)]
Seed = Annotated[int, typer.Option(help="Seed of the generator; the same seed gives the same bytes.")]
Profile = Annotated[str, typer.Option(help="What is generated: loadtest/profiles.toml.")]
BASELINE_MANIFESTS = 20_000
ENGINES = ("tidegate", "plain-faust", "both")


def check_profile(name: str) -> None:
    """BadParameter unless there is such a profile."""
    if name not in profile_names():
        raise typer.BadParameter(f"no profile '{name}': use one of {', '.join(profile_names())}")


def capacity(
    manifests: Manifests = 200_000,
    workers: Annotated[int, typer.Option(help="Worker processes.", min=1, max=32)] = 2,
    profile: Profile = "clean-mix",
    seed: Seed = 1,
    engine: Annotated[str, typer.Option(help="tidegate, plain-faust, or both for the ratio of the two.")] = "tidegate",
    shadow: Annotated[str, typer.Option(help="Try the live rule set beside itself on such a share of the manifests, such as 10%.")] = "",
    verify: Annotated[bool, typer.Option(help="Prove every decision afterwards.")] = True,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the report to this file.", dir_okay=False)] = None,
) -> None:
    """Measure manifests a second and CPU per manifest over preloaded topics, then prove every decision.

    A stack of its own with empty data is made for it and removed afterwards. The clock runs from the first claim of a
    lane to the last decision readable with read_committed; start-up, generator and verifier are outside of it.
    The baseline runs over 20,000 manifests at most, because it is slow; its decisions are compared with the known
    answers, and a difference is reported without failing the command.
    """
    check_profile(profile)
    if engine not in ENGINES:
        raise typer.BadParameter(f"engine is one of {', '.join(ENGINES)}")
    share = share_1e4(shadow, "--shadow") if shadow else 0
    home = home_folder().resolve()
    reports: dict[str, dict[str, Any]] = {}
    try:
        with Steps() as steps:
            for name in ("tidegate", "plain-faust") if engine == "both" else (engine,):
                count = min(manifests, BASELINE_MANIFESTS) if name == "plain-faust" else manifests
                reports[name] = _one_run(home, Plan(count, workers, profile, seed, name, share), verify, steps)
    except RunFailed as e:
        fail("Failed", str(e))
        raise typer.Exit(FAILED) from None
    report = next(iter(reports.values()))
    if engine == "both":
        report["baseline"] = reports["plain-faust"]
        report["ratio_to_baseline"] = round(report["manifests_per_second"] / reports["plain-faust"]["manifests_per_second"], 1)
    if json_:
        json_.write_text(json.dumps(report, indent=1) + "\n")
    for one in reports.values():
        _show_capacity(one)
    if engine == "both":
        OUT.print(f"[bold]{report['ratio_to_baseline']} times the baseline[/]")
    if report.get("verified") is False and report["engine"] == "tidegate":
        raise typer.Exit(FAILED)  # the baseline says of itself what it does not do


def _one_run(home: Path, plan: Plan, verify: bool, steps: Steps) -> dict[str, Any]:
    documents = generated(home, plan, steps)
    log = home / "logs" / f"capacity-{plan.engine}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    with fresh_stack(home, "capacity", steps.say) as stack:
        endpoints = stack.endpoints()
        asyncio.run(prepare(plan, stack, documents, log, steps))
        measured: Measured = asyncio.run(run(plan, stack, documents, log, steps))
        report = measured.as_json(plan)
        if plan.engine == "tidegate" and verify:
            proof = asyncio.run(proof_of(endpoints, home, documents.folder, steps))
            report["verified"] = proof.verified
            report["proof"] = proof.to_json()
            show_discrepancies(proof)
        elif verify:
            compared = asyncio.run(compare_topics(endpoints.kafka_options(), documents))
            report |= {"verified": compared.verified, "compared": compared.to_json()} | baseline_said(log)
    return report


SHOWN = (
    "manifests", "manifests_per_second", "documents_per_second", "seconds", "startup_seconds", "steal_percent", "idle_percent",
    "reference_decode_us",
)  # fmt: skip


def _show_capacity(report: dict[str, Any]) -> None:
    rows = [(k, report[k]) for k in SHOWN]
    decodes = report["cpu_decodes_per_manifest"]
    rows += [(f"CPU µs a manifest, {role}", f"{us} ({decodes[role]} decodes)") for role, us in report["cpu_us_per_manifest"].items()]
    rows += [(f"peak memory MB, {role}", mb) for role, mb in report["peak_rss_mb"].items()]
    rows += [(outcome, n) for outcome, n in report["outcomes"].items()]
    if "verified" in report:
        rows.append(("verified", report["verified"]))
    if "proof" in report:
        rows.append(("verifier's seconds", round(sum(report["proof"]["seconds"].values()), 1)))
    for name in ("right", "differ", "missing", "doubled", "groups_wrong") if "compared" in report else ():
        rows.append((f"known answers, {name.replace('_', ' ')}", report["compared"][name]))
    OUT.print(table(f"{report['engine']}, {report['profile']}, {report['workers']} workers", ("what", "figure"), rows))


def verify(
    answers: Annotated[Path | None, typer.Option(help="Folder of a generated set: compare with its known answers too.")] = None,
    complete: Annotated[bool, typer.Option(help="Every record of the topics has to be consumed.")] = True,
    json_: AsJson = False,
) -> None:
    """Prove everything from the input topics: decisions, tax to the fen, ledgers, each offset, published exactly once.

    Shares no code with the pipeline. Exit code 1 when anything differs; each discrepancy names its place.
    """
    endpoints = Endpoints.resolve()
    asyncio.run(ready(endpoints))
    with Steps() as steps:
        proof = asyncio.run(proof_of(endpoints, home_folder(), answers, steps, complete))
    if json_:
        print_json(proof.to_json())
    else:
        show_counts(proof)
        show_discrepancies(proof)
        OUT.print(_verdict(proof))
    if not proof.verified:
        raise typer.Exit(FAILED)


def show_counts(proof: Proof) -> None:
    """How much of what was checked; amounts in CNY."""
    rows = (
        (f"{name.removesuffix('_fen').replace('_', ' ')}, CNY", yuan(n)) if name.endswith("_fen") else (name.replace("_", " "), f"{n:,}")
        for name, n in sorted(proof.counts.items())
    )
    shown = table("Proof", ("what was checked", "how much"), rows)
    shown.columns[1].justify = "right"
    OUT.print(shown)


def show_discrepancies(proof: Proof) -> None:
    """A table of what differs, when something does."""
    if not proof.verified:
        rows = ((d.place, d.what, d.expected, d.found) for d in proof.discrepancies[:20])
        OUT.print(table(f"{proof.discrepancy_count} discrepancies", ("place", "what", "expected", "found"), rows))


def _verdict(proof: Proof) -> str:
    if not proof.verified:
        return f"[bold red]{proof.discrepancy_count} discrepancies.[/]"
    if not proof.counts.get("records"):
        return "Nothing to verify yet: no document was sent."
    return "[bold green]Verified: every decision right, every fen, each published exactly once.[/]"
