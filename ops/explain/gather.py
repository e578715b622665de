"""All that is to be said of the decisions of an order number, in no language yet: recomputed, and compared with what is stored."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from agents.reading import order_hashes
from history.recall import recall
from history.recompute import Recomputed, differences, recompute
from history.registries import registry_of
from history.rule_sets import rule_set
from ops.explain.taxed import lines_of_tax
from ops.stock import taken
from pipeline.documents import BIT, KINDS
from pipeline.registry import Registry
from pipeline.rules import looked_at
from schemas.contracts import topic_name
from schemas.filings import stored
from schemas.lawbook import Lawbook
from sinks.guarantees import entries_of
from sinks.store import Store

BEIJING = ZoneInfo("Asia/Shanghai")
TEXTS = ("en", "zh", "todo", "todo_zh", "law", "since", "when")


async def gather(
    store: Store, order_no: str, platform: str | None = None, attempt: int | None = None
) -> dict[str, Any]:
    """`documents` and `open` reports of an order number, and its `manifests` explained.

    UnknownRuleSet and recall.Incomplete pass through.
    """
    key = order_hashes(pl.Series([order_no])).item()
    documents = [_document(dict(r)) for r in await store.fetch("trace_documents", key, order_no)]
    rows = [dict(r) for r in await store.fetch("trace_manifests", key, order_no) if platform in (None, r["ebp_code"])]
    explained = [await explain(store, r, documents) for r in rows if attempt in (None, r["attempt"])]
    there = {(r["ebp_code"], r["attempt"]) for r in rows}
    explained = [m | {"followed": (m["ebp_code"], m["attempt"] + 1) in there} for m in explained]
    wanted = [d | {"used_by": _attempts(d, rows)} for d in documents if platform is None or d["ebp_code"] in (platform, "")]
    return {"order_no": order_no, "documents": wanted, "manifests": explained, "attempts": [r["attempt"] for r in rows]}


async def explain(store: Store, row: Mapping[str, Any], documents: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One decision: a row of table manifest, the documents of its order number."""
    lines = [dict(r) for r in await store.fetch("trace_lines", row["manifest_id"])]
    findings = [dict(r) for r in await store.fetch("trace_findings", row["manifest_id"])]
    book = await rule_set(store, row["rule_set"])
    recalled = await recall(store, [row])
    revisions = [dict(r) for r in await store.fetch("trace_revisions", row["manifest_id"])]
    registry = await registry_of(store, recalled.manifests, row["registry_version"])
    again = recompute(recalled, book, registry, findings)
    return {
        **_decision(row),
        "differences": [asdict(x) for x in differences(again, row, lines, findings)],
        "findings": [_finding(x, book) for x in findings],
        "passed": passed(again, book, {x["code"] for x in findings}),
        "tax": {"known": again.decided.heads["tax_known"].item(), "lines": lines_of_tax(again, book)},
        "ledgers": [_entry(dict(r)) for r in await store.fetch("trace_entries", row["person_key"], row["manifest_id"])],
        "frozen": await _frozen(store, row, revisions),
        "stock": taken(row["outcome"], [x["code"] for x in findings], [r["outcome"] for r in revisions], lines),
        "revisions": revisions,
        "limits": book.limits_on(again.decided.heads["accepted_on"].item()),
        "caps": {c.group: c.cap_mg for c in book.on(again.decided.heads["accepted_on"].item()).weight_caps},
        "documents": used(row, documents),
    }


async def _frozen(store: Store, row: Mapping[str, Any], revisions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Its entries on the account of its guarantor, each with the limit it was held against; what is given back with none."""
    rows = await store.fetch("trace_guarantee", row["guarantor_code"], row["manifest_id"])
    entries = entries_of(rows, row["manifest_id"])
    if not entries:
        return []
    released = next((r for r in revisions if r["outcome"] == "RELEASE"), None)
    version, at = (row["registry_version"], row["accepted_at"]) if released is None else (released["registry_version"], released["revised_at"])
    filed = [stored(r["value"]).row() for r in await store.fetch("guarantee_as_of", row["guarantor_code"], version)]
    registry, guarantor = Registry().changed(version, instruments=filed), pl.Series("guarantor_code", [row["guarantor_code"]])
    limit = int(registry.guarantees_on(at.astimezone(BEIJING).date(), guarantor).item())
    return [e | {"limit_fen": limit if e["amount_fen"] > 0 else None} for e in entries]


def passed(again: Recomputed, book: Lawbook, fired: set[str]) -> list[dict[str, Any]]:
    """The rules that found nothing, with what they read: of several lines each."""
    texts, found = book.texts(), dict[str, dict[str, Any]]()
    law = book.on(again.decided.heads["accepted_on"].item())
    for x in looked_at(again.judged.manifests, law):
        if x.rule.code not in fired and x.verdict is False:
            entry = found.setdefault(x.rule.code, {"code": x.rule.code, **_texts(texts[x.rule.code]), "read": []})
            entry["read"].append({"line": x.position, "values": json.loads(x.values_read)})
    return [found[code] for code in texts if code in found]


def used(row: Mapping[str, Any], documents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The three documents a manifest was made of."""
    return [d for d in documents if _attempts(d, [row])]


def _attempts(document: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """The attempts that used a document: it may be kept after a REJECT."""
    place, kind = (document["partition"], document["offset"]), document["kind"]
    return [row["attempt"] for row in rows if (row[f"{kind}_partition"], row[f"{kind}_offset"]) == place]


def _document(row: Mapping[str, Any]) -> dict[str, Any]:
    kind = KINDS[row["kind"] - 1]
    return {
        "kind": kind, "topic": topic_name(kind), "partition": row["partition"], "offset": row["kafka_offset"],
        "ebp_code": row["ebp_code"], "log_time": row["log_time"], "bytes": row["bytes"], "fate": row["fate"], "code": row["code"],
    }  # fmt: skip


def _decision(row: Mapping[str, Any]) -> dict[str, Any]:
    names = (
        "ebp_code", "order_no", "attempt", "decision_id", "outcome", "queue", "return_status", "trade_mode", "accepted_at", "taxed",
        "dutiable_fen", "tariff_fen", "consumption_tax_fen", "vat_fen", "tax_fen", "tax_total_e5", "rule_set", "registry_version",
        "guarantor_code", "declarant_code", "warehouse_code", "customs_code", "lane", "batch_seq",
    )  # fmt: skip
    return {name: row[name] for name in names} | {"at_fault": [kind for kind in KINDS if row["fault_kinds"] & BIT[kind]]}


def _finding(row: Mapping[str, Any], book: Lawbook) -> dict[str, Any]:
    entry = book.texts()[row["code"]]
    return {"code": row["code"], "outcome": row["outcome"], "blames": entry["blames"], "values": json.loads(row["values_read"]), **_texts(entry)}


def _texts(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: entry[name] for name in TEXTS if name in entry}


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    """An entry of a ledger with the balance before it: what it moved left one of available, reserved and used for another."""
    moved = {name: row["amount"] * ((row["credit"] == name) - (row["debit"] == name)) for name in ("reserved", "used")}
    before = {f"{name}_before": row[f"{name}_after"] - moved[name] for name in moved}
    return {name: value for name, value in row.items() if name != "person_key"} | before
