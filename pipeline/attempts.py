"""The join: which documents make a complete manifest, and what becomes of the others (decisions.md 2 and 3)."""

from dataclasses import dataclass

import polars as pl

from pipeline import contested
from pipeline.documents import KINDS, Documents, among

PAIRS = {
    "ebp_code": pl.String, "order": pl.UInt32, "payment": pl.UInt32, "waybill": pl.UInt32, "attempt": pl.Int16,
}  # fmt: skip
FATES = {
    "kind": pl.Int16, "partition": pl.Int16, "kafka_offset": pl.Int64, "order_hash": pl.Int64,
    "ebp_code": pl.String, "order_no": pl.String, "attempt": pl.Int16, "fate": pl.String, "code": pl.String,
    "by_partition": pl.Int16, "by_offset": pl.Int64,
}  # fmt: skip
NO_FATES = pl.DataFrame(schema=FATES)

HASH = pl.col("order_hash")
INDEX = pl.int_range(pl.len(), dtype=pl.UInt32)  # of a document
SPECIAL = HASH.is_duplicated() | (pl.col("appType") == contested.DELETE) | (pl.col("ebpCode") == "")
PLAIN = {kind: [HASH, INDEX.alias(kind), pl.col("ebpCode", "orderNo").name.prefix(f"{kind}_")] for kind in KINDS}
SAME = pl.all_horizontal(
    pl.col(f"order_{name}") == pl.col(f"{kind}_{name}") for kind in ("payment", "waybill") for name in ("ebpCode", "orderNo")
)
PAIR = [pl.col("order_ebpCode").alias("ebp_code"), pl.col(KINDS), pl.lit(1, pl.Int16).alias("attempt")]
DOC = (
    "order_hash", "orderNo", "ebpCode", "partition", "offset", "log_time", "digest", "appType", "appTime", "guid",
)  # fmt: skip
RECEIVER = ("consignee", "consigneeTelephone", "consigneeAddress")
DOCS = {kind: [INDEX, pl.col(*DOC, *(RECEIVER if kind != "payment" else ()))] for kind in KINDS}


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
        chosen = among(hashes)
        return Past(self.manifests.filter(chosen), self.fates.filter(chosen))


@dataclass(frozen=True, slots=True)
class Attempts:
    """`complete`: row numbers of the documents of each complete attempt (PAIRS); `fates`: as the table."""

    complete: pl.DataFrame
    fates: pl.DataFrame


def join(documents: Documents, past: Past) -> Attempts:
    """Join the documents of every order number at hand into complete attempts."""
    hashes = _contested_hashes(documents, past)
    complete = _join_simple(documents, hashes)
    if not len(hashes):
        return Attempts(complete, NO_FATES)
    hard, fates = _settle_contested(documents, past, hashes)
    return Attempts(pl.concat([complete, hard]), fates)


def to_join_again(documents: Documents, heads: pl.DataFrame) -> pl.Series:
    """Order numbers whose documents may make another attempt now that these manifests (`heads`) are decided: a REJECT opens the
    next attempt, and a waybill without platform that was nobody's can be of that (decisions.md 3)."""
    rejected = heads.filter(pl.col("outcome") == "REJECT")["order_hash"]
    return documents.waybill.filter(among(rejected), pl.col("ebpCode") == "")["order_hash"].unique()


def _contested_hashes(documents: Documents, past: Past) -> pl.Series:
    """Order numbers with two documents of a kind, a delete, a waybill without platform, or a past."""
    found = [documents.of(kind).select(HASH.filter(SPECIAL)).to_series() for kind in KINDS]
    return pl.concat([*found, past.manifests["order_hash"], past.fates["order_hash"]]).unique()


def _join_simple(documents: Documents, hashes: pl.Series) -> pl.DataFrame:
    """All but those `hashes`: at most one document of each kind, a plain three-way join on the order number, and then
    on platform and order number as they are written."""
    orders, payments, waybills = (documents.of(kind).select(PLAIN[kind]) for kind in KINDS)
    found = (
        # without the order the other two match nothing
        orders.filter(~among(hashes))
        .join(payments, on="order_hash", maintain_order="left")
        .join(waybills, on="order_hash", maintain_order="left")
    )
    return found.filter(SAME).select(PAIR)


Groups = tuple[
    dict[str, list[contested.Doc]], dict[str, dict[str, list[contested.Attempt]]], set[contested.Place], dict[str, int]
]


def contested_groups(documents: Documents, past: Past, hashes: pl.Series) -> Groups:
    """For plain Python: documents and pasts by order number, places that met a fate, hash by order number."""
    chosen = among(hashes)
    docs: dict[str, list[contested.Doc]] = {}
    hash_of: dict[str, int] = {}
    for number, kind in enumerate(KINDS):
        rows = documents.of(kind).select(DOCS[kind]).filter(chosen).rows()
        for position, order_hash, order_no, ebp_code, *rest in rows:
            partition, offset, log_time, digest, app_type, app_time, guid, *received = rest
            doc = contested.Doc(
                number, position, ebp_code, partition, offset, log_time, digest, app_type, app_time, guid,
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
