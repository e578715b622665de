"""The join: which documents make a complete manifest, and what becomes of the others (decisions.md 2 and 3)."""

from dataclasses import dataclass

import polars as pl

from pipeline import contested
from pipeline.documents import KINDS, Documents

PAIRS = {
    "ebp_code": pl.String, "order": pl.UInt32, "payment": pl.UInt32, "waybill": pl.UInt32, "attempt": pl.Int16,
}  # fmt: skip
FATES = {
    "kind": pl.Int16, "partition": pl.Int16, "kafka_offset": pl.Int64, "order_hash": pl.Int64,
    "ebp_code": pl.String, "order_no": pl.String, "attempt": pl.Int16, "fate": pl.String, "code": pl.String,
    "by_partition": pl.Int16, "by_offset": pl.Int64,
}  # fmt: skip
DOC = (
    "order_hash", "orderNo", "index", "ebpCode", "partition", "offset", "log_time", "digest", "appType", "appTime", "guid",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Past:
    """What the tables already say about the order numbers at hand.

    `manifests`: order_hash, ebp_code, order_no, attempt, outcome, fault_kinds and, for each kind,
    `<kind>_partition`, `<kind>_offset`, `<kind>_digest`. `fates`: kind (1, 2, 3), partition, kafka_offset, order_hash.
    """

    manifests: pl.DataFrame
    fates: pl.DataFrame

    def only(self, hashes: pl.Series) -> "Past":
        """What is said about some of the order numbers."""
        chosen = pl.col("order_hash").is_in(hashes.implode())
        return Past(self.manifests.filter(chosen), self.fates.filter(chosen))


@dataclass(frozen=True, slots=True)
class Attempts:
    """`complete`: row numbers of the documents of each complete attempt (PAIRS); `fates`: as the table."""

    complete: pl.DataFrame
    fates: pl.DataFrame


def join(documents: Documents, past: Past) -> Attempts:
    """Join the documents of every order number at hand into complete attempts."""
    ledger = documents.ledger()
    hashes = _contested_hashes(ledger, past)
    simple = ledger.filter(~pl.col("order_hash").is_in(hashes.implode())) if len(hashes) else ledger
    complete = _join_simple(simple)
    if not len(hashes):
        return Attempts(complete, pl.DataFrame(schema=FATES))
    hard, fates = _settle_contested(documents, past, hashes)
    return Attempts(pl.concat([complete, hard]), fates)


def _contested_hashes(ledger: pl.DataFrame, past: Past) -> pl.Series:
    repeated = ledger.group_by("order_hash", "kind").len().filter(pl.col("len") > 1)["order_hash"]
    special = ledger.filter((pl.col("appType") == contested.DELETE) | (pl.col("ebpCode") == ""))["order_hash"]
    return pl.concat(
        [repeated, special, past.manifests["order_hash"], past.fates["order_hash"]]
    ).unique()


def _join_simple(ledger: pl.DataFrame) -> pl.DataFrame:
    """At most one document of each kind: a plain three-way join on the order number and the platform."""
    on = ["order_hash", "ebpCode", "orderNo"]
    orders, payments, waybills = (
        ledger.filter(pl.col("kind") == number).select(*on, pl.col("index").alias(kind))
        for number, kind in enumerate(KINDS)
    )
    return (
        orders.join(payments, on=on)
        .join(waybills, on=on)
        .select(ebp_code="ebpCode", order="order", payment="payment", waybill="waybill", attempt=pl.lit(1, pl.Int16))
    )


Groups = tuple[
    dict[str, list[contested.Doc]], dict[str, dict[str, list[contested.Attempt]]], set[contested.Place], dict[str, int]
]


def contested_groups(documents: Documents, past: Past, hashes: pl.Series) -> Groups:
    """For plain Python: documents and pasts by order number, places that met a fate, hash by order number."""
    chosen = pl.col("order_hash").is_in(hashes.implode())
    docs: dict[str, list[contested.Doc]] = {}
    hash_of: dict[str, int] = {}
    for number, kind in enumerate(KINDS):
        receiver = ["consignee", "consigneeTelephone", "consigneeAddress"] if kind != "payment" else []
        rows = documents.of(kind).with_row_index("index").filter(chosen).select(*DOC, *receiver).iter_rows()
        for order_hash, order_no, index, ebp_code, *rest in rows:
            partition, offset, log_time, digest, app_type, app_time, guid, *received = rest
            doc = contested.Doc(
                number, index, ebp_code, partition, offset, log_time, digest, app_type, app_time, guid,
                (received[0], received[1], received[2]) if received else None,
            )  # fmt: skip
            docs.setdefault(order_no, []).append(doc)
            hash_of[order_no] = order_hash
    fated = {(k - 1, p, o) for k, p, o in past.fates.select("kind", "partition", "kafka_offset").iter_rows()}
    return docs, _attempts_by_order(past.manifests), fated, hash_of


def _settle_contested(documents: Documents, past: Past, hashes: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    docs, pasts, fated, hash_of = contested_groups(documents, past, hashes)
    complete: list[tuple[object, ...]] = []
    fates: list[tuple[object, ...]] = []
    for order_no, group in docs.items():
        settled = contested.settle(group, pasts.get(order_no, {}), fated)
        complete += [(c.ebp_code, *(d.index for d in c.documents), c.number) for c in settled.complete]
        fates += [_fate_row(f, order_no, hash_of[order_no]) for f in settled.fates]
    return (
        pl.DataFrame(complete, schema=PAIRS, orient="row"),
        pl.DataFrame(fates, schema=FATES, orient="row"),
    )


def _attempts_by_order(manifests: pl.DataFrame) -> dict[str, dict[str, list[contested.Attempt]]]:
    found: dict[str, dict[str, list[contested.Attempt]]] = {}
    for m in manifests.sort("attempt").iter_rows(named=True):
        places = tuple((n, m[f"{k}_partition"], m[f"{k}_offset"]) for n, k in enumerate(KINDS))
        digests = tuple(m[f"{k}_digest"] for k in KINDS)
        attempt = contested.Attempt(
            m["attempt"], m["outcome"] == "REJECT", m["fault_kinds"], places, digests  # type: ignore[arg-type]
        )
        found.setdefault(m["order_no"], {}).setdefault(m["ebp_code"], []).append(attempt)
    return found


def _fate_row(f: contested.Fate, order_no: str, order_hash: int) -> tuple[object, ...]:
    kind, partition, offset = f.document.place
    by = f.by[1:] if f.by else (None, None)
    return kind + 1, partition, offset, order_hash, f.ebp_code, order_no, f.attempt, f.fate, f.code, *by
