"""All that is to be said of the decisions of an order number, in no language yet: recomputed, and compared with what is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import polars as pl

from agents.reading import order_hashes
from history.recall import recall
from history.recompute import Recomputed, differences, recompute
from history.registries import registry_of
from history.rule_sets import rule_set
from ops.explain.checks import Asked, number
from ops.explain.reading import Reading
from ops.explain.taxed import lines_of_tax, single_limit
from ops.explain.values import BEIJING
from ops.stock import taken
from pipeline.claims import NUMBERED
from pipeline.documents import BIT, KINDS
from pipeline.registry import Registry
from schemas.contracts import topic_name
from schemas.filings import stored
from schemas.lawbook import Lawbook
from sinks.guarantees import entries_of
from sinks.store import Store


async def gather(
    store: Store, order_no: str, platform: str | None = None, attempt: int | None = None
) -> dict[str, Any]:
    """`documents` of an order number (of a platform), the `platforms` that have it, and its `manifests` explained.

    UnknownRuleSet and recall.Incomplete pass through.
    """
    key = order_hashes(pl.Series([order_no])).item()
    documents = [_document(dict(r)) for r in await store.fetch("trace_documents", key, order_no)]
    rows = [dict(r) for r in await store.fetch("trace_manifests", key, order_no) if platform in (None, r["ebp_code"])]
    explained = [await explain(store, r, documents) for r in rows if attempt in (None, r["attempt"])]
    there = {(r["ebp_code"], r["attempt"]) for r in rows}
    explained = [m | {"followed": (m["ebp_code"], m["attempt"] + 1) in there} for m in explained]
    wanted = [d | {"used_by": _attempts(d, rows)} for d in documents if platform is None or d["ebp_code"] in (platform, "")]
    return {
        "order_no": order_no, "platforms": sorted({d["ebp_code"] for d in documents if d["ebp_code"]}), "documents": wanted,
        "manifests": explained, "attempts": [r["attempt"] for r in rows],
    }  # fmt: skip


async def explain(store: Store, row: Mapping[str, Any], documents: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One decision: a row of table manifest, the documents of its order number."""
    lines = [dict(r) for r in await store.fetch("trace_lines", row["manifest_id"])]
    findings = [dict(r) for r in await store.fetch("trace_findings", row["manifest_id"])]
    book = await rule_set(store, row["rule_set"])
    recalled = await recall(store, [row])
    revisions = [dict(r) for r in await store.fetch("trace_revisions", row["manifest_id"])]
    registry = await registry_of(store, recalled.manifests, row["registry_version"])
    again = recompute(recalled, book, registry, findings)
    day, head = again.decided.heads["accepted_on"].item(), again.judged.manifests.heads.row(0, named=True)
    entries = [_entry(dict(r)) for r in await store.fetch("trace_entries", row["person_key"], row["manifest_id"])]
    frozen = await _frozen(store, row, revisions)
    asked = await _asked(store, row, again, book, frozenset(x["code"] for x in findings), entries, frozen)
    reading = Reading(again, book, {x["code"] for x in findings})
    return {
        **_decision(row),
        "classes": {firm: head[f"{firm}_class"] for firm in ("ecommerce", "platform")},
        "differences": [asdict(x) for x in differences(again, row, lines, findings)],
        "findings": [reading.finding(x) for x in findings],
        **reading.looked(asked),
        "tax": {"known": again.decided.heads["tax_known"].item(), "law": single_limit(book, day), "lines": lines_of_tax(again, book)},
        "ledgers": entries,
        "frozen": frozen,
        "stock": taken(row["outcome"], [x["code"] for x in findings], [r["outcome"] for r in revisions], lines),
        "revisions": revisions,
        "limits": book.limits_on(day),
        "caps": {c.group: c.cap_mg for c in book.on(day).weight_caps},
        "documents": used(row, documents),
    }


async def _asked(
    store: Store, row: Mapping[str, Any], again: Recomputed, book: Lawbook, fired: frozenset[str],
    entries: Sequence[Mapping[str, Any]], frozen: Sequence[Mapping[str, Any]],
) -> Asked:  # fmt: skip
    """What ledgers and samples were asked, as far as it is stored."""
    heads, lines = again.judged.manifests.heads, again.judged.manifests.lines.to_dicts()
    head, law = heads.row(0, named=True), book.on(heads["accepted_on"].item())
    numbers = [number(letter, head) for letter in NUMBERED]
    uses = {r["number"]: r["use_no"] for r in await store.fetch("trace_uses", numbers, row["manifest_id"])}
    items = pl.Series("book_item", sorted({x["account_book_item"] for x in lines if x["bonded"]}), dtype=pl.String)
    keys = pl.Series(["|".join(("stock", *item.rsplit("-", 1))) for item in items], dtype=pl.String)
    filed = [stored(r["value"]).row() for r in await store.fetch("registry_as_of", keys, row["registry_version"])] if len(items) else []
    entered = Registry().changed(row["registry_version"], stock=filed).entered_of(items, head["accepted_on"])
    first = sorted(entries, key=lambda e: e["entry_no"])
    return Asked(
        head, lines, fired, first, frozen, uses, dict(zip(items, entered, strict=True)), law.annual_limit_fen, law.samples,
    )  # fmt: skip


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


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    """An entry of a ledger with the balance before it: what it moved left one of available, reserved and used for another."""
    moved = {name: row["amount"] * ((row["credit"] == name) - (row["debit"] == name)) for name in ("reserved", "used")}
    before = {f"{name}_before": row[f"{name}_after"] - moved[name] for name in moved}
    return {name: value for name, value in row.items() if name != "person_key"} | before
