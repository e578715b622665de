"""How much of each guarantor's account is free, told as a gauge: by the worker of lane 0, every few seconds."""

import time
from dataclasses import dataclass

import polars as pl

from agents.metrics import METRICS
from pipeline.guarantees import STANDING
from pipeline.law import SHANGHAI
from pipeline.registry import Registry
from schemas.contracts import REGISTRY_PARTITION
from sinks.batch import LaneState
from sinks.store import Store

SECONDS = 5.0
MOST = 50  # guarantors told, the least free first: a label each, and the registry may have hundreds


@dataclass(slots=True)
class Guarantors:
    """`last`: when it was told, by the monotonic clock; -inf: never, or another worker tells it."""

    last: float = float("-inf")

    async def tell(self, store: Store, registry: Registry, lanes: dict[int, LaneState], now: float | None = None) -> None:
        """Set the gauge, if it is our turn and time. `lanes`: ours; Unavailable passes through."""
        state, now = lanes.get(REGISTRY_PARTITION), time.monotonic() if now is None else now
        if state is None or state.record_time is None:
            if self.last > float("-inf"):
                METRICS.guarantee_free_share.clear()
                self.last = float("-inf")
            return
        if now - self.last < SECONDS:
            return
        self.last = now
        codes = registry.instruments["guarantor_code"].unique().sort()
        if not len(codes):
            return
        limits = registry.guarantees_on((state.record_time + SHANGHAI).date(), codes)
        standing = pl.DataFrame([tuple(r) for r in await store.fetch("guarantee_accounts", codes)], schema=STANDING, orient="row")
        shares = free_shares(pl.DataFrame([codes, limits]), standing)
        METRICS.guarantee_free_share.clear()
        for code, share in shares.head(MOST).iter_rows():
            METRICS.guarantee_free_share.labels(code).set(share)


def free_shares(limits: pl.DataFrame, standing: pl.DataFrame) -> pl.DataFrame:
    """`guarantor_code` and `free`, the least free first: 1 nothing is frozen, 0 nothing fits any more (so also where nothing
    is valid), below 0 over its limit. `limits`: guarantor_code and guarantee_limit_fen; `standing`: STANDING."""
    limit = pl.col("guarantee_limit_fen")
    free = pl.when(limit > 0).then((limit - pl.col("frozen_fen").fill_null(0)) / limit).otherwise(0.0)
    beside = limits.join(standing, on="guarantor_code", how="left", maintain_order="left")
    return beside.select("guarantor_code", free.alias("free")).sort("free", "guarantor_code")
