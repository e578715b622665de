"""Tries the rule set that is a candidate on its share of a batch; whatever goes wrong there leaves the batch alone."""

import logging

import numpy as np
import polars as pl

from agents.metrics import METRICS
from agents.rule_sets import Trial
from pipeline.decide import Judged
from pipeline.registry import Registry
from pipeline.trial import Tried, tried
from schemas.rule_events import WHOLE

LOG = logging.getLogger("tidegate.trial")


def chosen_of(decision_ids: pl.Series, share_1e4: int) -> pl.Series:
    """Whether each is tried: the first four bytes of its decision id, as a number, lie below that share of 2^32."""
    heads = np.frombuffer(b"".join(decision_ids.bin.slice(0, 4).to_list()), ">u4")
    return pl.Series(heads.astype(np.uint64) * WHOLE < share_1e4 << 32, dtype=pl.Boolean)


def tried_by(trial: Trial, judged: Judged, registry: Registry) -> tuple[Tried, int]:
    """What the candidate finds, and how many of the chosen it could not be tried on. Heads carry decision_id."""
    chosen = chosen_of(judged.manifests.heads["decision_id"], trial.share_1e4)
    try:
        return tried(judged, chosen, trial.book.on, registry), 0
    except Exception as e:  # a rule or a value nobody thought of; the type is logged, values are not
        LOG.error("the rule set that is tried failed on a batch", extra={"rule_set": trial.book.version}, exc_info=e)
        METRICS.shadow_failures.inc()
        return Tried([], {}), int(chosen.sum())
