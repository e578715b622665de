"""replay: a generated set at its own pace, and what happens to the decisions' latency meanwhile."""

import asyncio
import time
from contextlib import suppress
from typing import Annotated, Any

import typer

from loadtest.generate import GeneratedSet
from loadtest.generate import profile as profile_of
from loadtest.latency import DecisionReader
from loadtest.publish import file_anew
from loadtest.replay import Replayed
from loadtest.replay import replay as replay_set
from ops import ruling
from ops.capacity import Plan, generated
from ops.commands.law import check_folder
from ops.commands.load import Manifests, Profile, Seed, check_profile
from ops.commands.show import OUT, AsJson, Steps, print_json, table
from ops.filing import publish_once, until_taken
from schemas.endpoints import Endpoints, home_folder
from schemas.rule_events import LIVE
from sinks.store import Store

QUIET_SECONDS = 10  # without one more decision: then none is waited for
CHANGES_AT, ACTIVATED_AT = 1 / 3, 2 / 3  # of the replay
TAKEN_SECONDS = 30.0  # longest wait for a worker to take a rule set
Window = tuple[float, float]


def replay(
    manifests: Manifests = 60_000,
    profile: Profile = "demo",
    seed: Seed = 1,
    speed: Annotated[float, typer.Option(help="Times the profile's pace.", min=0.01, max=1000)] = 1.0,
    registry_changes: Annotated[
        int, typer.Option(help="So many entries of the registry are filed anew on the way.", min=0, max=100_000)
    ] = 0,
    activate: Annotated[
        str, typer.Option(help="Make this rule set the live one on the way: a folder, the beginning of a hash, or `live` once more.")
    ] = "",
    json_: AsJson = False,
) -> None:
    """Replay a set open-loop into the running system: every document at its intended time, which its header carries.

    Reports the replayer's own lateness and the latency from a decision's last document being due to the decision being
    read; with --registry-changes and --activate also of the decisions that were due while workers took these. Start workers
    first: `tidegate up`, `tidegate worker --count 2`.
    """
    check_profile(profile)
    check_folder(activate, json_)
    endpoints = Endpoints.resolve()
    with Steps() as steps:
        documents = generated(home_folder().resolve(), Plan(manifests, 0, profile, seed), steps)
        report = asyncio.run(_run(documents, endpoints, speed, registry_changes, activate, steps))
    if json_:
        print_json(report)
        return
    rows = [(what, figures["p50"], figures["p95"], figures["p99"], figures["max"]) for what, figures in report["ms"].items() if figures]
    decided = ", ".join(f"{n:,} {outcome}" for outcome, n in report["decisions"].items())
    OUT.print(table("Time in ms, from the intended time of the documents", ("what", "p50", "p95", "p99", "max"), rows))
    OUT.print(f"{report['sent']:,} documents sent; decided: {decided or 'none'}")
    for what, seconds in report["seconds"].items():
        OUT.print(f"{what.capitalize()}: published and taken in {seconds} s.")


async def _run(
    documents: GeneratedSet, endpoints: Endpoints, speed: float, changes: int, activate: str, steps: Steps
) -> dict[str, Any]:
    market = profile_of(documents.about.profile).market
    await publish_once(endpoints, market, steps)
    await until_taken(endpoints, steps)
    reader = DecisionReader(documents, endpoints.kafka_options())
    whole = documents.about.seconds / speed
    meanwhile: dict[str, asyncio.Task[Window]] = {}
    if changes:
        meanwhile["registry changes"] = asyncio.create_task(_change(endpoints, market, changes, CHANGES_AT * whole))
    if activate:
        meanwhile["activation"] = asyncio.create_task(_activate(endpoints, activate, ACTIVATED_AT * whole))
    replayed = await _replay(documents, endpoints, speed, reader, steps)
    ms = {"replayer late": replayed.lateness(), "last document due → decision read": reader.percentiles()}
    report: dict[str, Any] = {"sent": replayed.sent, "decisions": dict(reader.outcomes), "ms": ms, "seconds": {}}
    for what, task in meanwhile.items():
        begun, ended = await task
        ms |= {
            f"   due before the {what}": reader.percentiles(until_ms=begun),
            f"   while workers took the {what}": reader.percentiles(begun, ended),
            f"   after the {what}": reader.percentiles(since_ms=ended),
        }
        report["seconds"][what] = round((ended - begun) / 1000, 1)
    return report


async def _change(endpoints: Endpoints, market: str, count: int, after_seconds: float) -> Window:
    """File entries anew in the midst of the replay; when that began and when workers had taken it all (ms since 1970)."""
    await asyncio.sleep(after_seconds)
    begun = time.time() * 1000
    await file_anew(market, count, int(begun), endpoints.kafka_options())
    await until_taken(endpoints, lambda *_: None)
    return begun, time.time() * 1000


async def _activate(endpoints: Endpoints, which: str, after_seconds: float) -> Window:
    """Make a rule set the live one in the midst of the replay; from its event to when a worker had taken it."""
    await asyncio.sleep(after_seconds)
    store = Store(endpoints.postgres)
    try:
        rule_set = await ruling.named(store, which)
        begun = time.time() * 1000
        await ruling.order(endpoints, store, LIVE, rule_set, 0, "replay", TAKEN_SECONDS)
        return begun, time.time() * 1000
    finally:
        await store.close()


async def _replay(documents: GeneratedSet, endpoints: Endpoints, speed: float, reader: DecisionReader, steps: Steps) -> Replayed:
    start: dict[str, float] = {"at": 0.0}
    reading = asyncio.create_task(reader.run(start, speed))

    def progress(state: Replayed) -> None:
        start["at"] = state.start_ms
        steps("replaying", state.sent, documents.about.documents)

    replayed = await replay_set(documents, endpoints.kafka_options(), speed, progress)
    quiet, last = 0.0, -1
    while quiet < QUIET_SECONDS and not reading.done():
        now = sum(reader.outcomes.values())
        quiet, last = (quiet + 0.1, now) if now == last else (0.0, now)
        steps("reading decisions", now, documents.about.manifests)
        await asyncio.sleep(0.1)
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading
    return replayed
