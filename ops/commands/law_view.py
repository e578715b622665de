"""How rule sets are shown that are kept: their history, what became of an order, how far two of them agree."""

import json
from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from ops.commands.law_contents import text
from ops.commands.show import OUT, print_json, show_list
from ops.ruling import Ordered
from schemas.rule_events import LIVE, SHADOW, WHOLE
from sinks.store import Store

DIFFERING = ("platform", "order_number", "attempt", "live", "tried", "codes_live_alone", "codes_tried_alone")
FIRST = -1  # offset of what was installed when the first worker started


async def history(store: Store) -> dict[str, Any]:
    """`live`, `shadow` (hashes; empty), `share` of the latter in percent, and `rule_sets` with their events, oldest first."""
    events = [dict(row) for row in await store.fetch("rule_events_list")]
    last = {row["part"]: row for row in events}
    live, shadow = (last.get(part, {}).get("rule_set", "") for part in (LIVE, SHADOW))
    return {
        "live": live,
        "shadow": shadow,
        "share": percent(last[SHADOW]["share_1e4"]) if shadow else 0,
        "rule_sets": [
            {
                "rule_set": kept["rule_set"], "stored_at": kept["stored_at"], "bytes": kept["bytes"], "live": kept["rule_set"] == live,
                "events": [_event(row) for row in events if row["rule_set"] == kept["rule_set"]],
            }
            for kept in await store.fetch("rule_sets_kept")
        ],
    }  # fmt: skip


def _event(row: Mapping[str, Any]) -> dict[str, Any]:
    installed = row["kafka_offset"] == FIRST
    return {
        "part": row["part"], "version": row["version"], "since": row["log_time"],
        "by": "installed with the first worker" if installed else row["by"], "share": percent(row["share_1e4"]),
    }  # fmt: skip


def percent(share_1e4: int) -> float:
    """A share in percent."""
    return 100 * share_1e4 / WHOLE


def show_history(found: Mapping[str, Any]) -> None:
    """One row an event, oldest first, and one for what was never ordered."""
    rows: list[tuple[Any, ...]] = []
    for one in found["rule_sets"]:
        tried = one["rule_set"] == found["shadow"]
        since = {shadow: max((e["version"] for e in one["events"] if (e["part"] == SHADOW) is shadow), default=None) for shadow in (True, False)}
        for e in one["events"] or [{"part": "kept only", "version": None, "since": one["stored_at"], "by": ""}]:
            part = f"shadow {e['share']:g} %" if e["part"] == SHADOW else e["part"]
            shadow = e["part"] == SHADOW
            stands = (tried if shadow else one["live"]) and e["version"] == since[shadow]
            rows.append((one["rule_set"], ("tried" if shadow else "live") if stands else "", part, e["version"], e["since"], e["by"]))
    rows.sort(key=lambda row: row[4])
    show_list("Orders of rule sets", ("rule set", "now", "ordered as", "from version", "since", "by"), rows, "None is kept yet: no worker has run.")


def show_ordered(part: str, done: Ordered, share: int, json_: bool) -> None:
    """What became of an activation, or of the beginning or end of a trial."""
    if json_:
        print_json({"part": part, "rule_set": done.rule_set, "offset": done.offset, "version": done.version, "share": percent(share)})
        return
    what = f"rule set {done.rule_set} is live" if part == LIVE else f"rule set {done.rule_set} is tried on {percent(share):g} %" if share else "no rule set is tried"
    when = f"from version {done.version} on" if done.version is not None else "as soon as a worker takes the event; none did so far"
    OUT.print(escape(f"Ordered: {what} {when}."))


async def agreement(store: Store, differing: int) -> dict[str, Any]:
    """The last trial: which sets, how much was tried, outcomes live > tried, codes, some manifests that differ."""
    events = [dict(row) for row in await store.fetch("rule_events_list")]
    trials = [row for row in events if row["part"] == SHADOW]
    last = next((row for row in reversed(trials) if row["rule_set"]), None)
    if last is None:
        return {"shadow": "", "on": False}
    same = trials[: trials.index(last) + 1]
    while len(same) > 1 and same[-2]["rule_set"] == last["rule_set"]:  # its share was changed: one trial
        same.pop()
    since = same[-1]["version"]
    (totals,) = await store.fetch("shadow_totals", since)
    return {
        "shadow": last["rule_set"],
        "live": [row["rule_set"] for row in events if row["part"] == LIVE][-1],
        "on": trials[-1] is last,
        "share": percent(last["share_1e4"]),
        "since_version": since,
        **dict(totals),
        "outcomes": [dict(zip(("live", "tried"), row["outcomes"].split(">"), strict=True)) | {"manifests": row["manifests"]}
                     for row in await store.fetch("shadow_outcomes", since)],
        "codes": [dict(row) for row in await store.fetch("shadow_codes", since)],
        "differing": [dict(zip(DIFFERING, json.loads(row["manifest"]), strict=True)) for row in await store.fetch("shadow_differing", since, differing)],
    }  # fmt: skip


def show_agreement(found: Mapping[str, Any]) -> None:
    """What was tried, and three tables."""
    if not found["shadow"]:
        OUT.print("No rule set was ever tried: `tidegate law shadow FOLDER --share 10%`.")
        return
    state = f"is tried on {found['share']:g} % of the manifests" if found["on"] else "was tried"
    OUT.print(escape(
        f"Rule set {found['shadow']} {state} since version {found['since_version']}, beside {found['live']}: "
        f"{found['manifests']:,} manifests in {found['batches']:,} batches, {found['failed']:,} could not be tried."
    ))  # fmt: skip
    show_list("Outcomes", ("live", "tried", "manifests"), ([x["live"], x["tried"], x["manifests"]] for x in found["outcomes"]), "Nothing was tried yet.")
    show_list("Findings", ("code", "both", "live alone", "tried alone"), (tuple(x.values()) for x in found["codes"]), "Neither found anything.")
    rows = ([text(v) for v in x.values()] for x in found["differing"])
    show_list("Some that differ", tuple(x.replace("_", " ") for x in DIFFERING), rows, "They do not differ.")

