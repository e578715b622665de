"""Every decision of a generated set is explained by what is stored; the history holds them all and judges them the same."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from history.build import build
from history.redecide import Differences, redecide
from loadtest.generate import GeneratedSet, profile
from loadtest.publish import preload
from loadtest.verify.history import check_history
from ops.explain.gather import gather
from ops.explain.show import show
from schemas.endpoints import Endpoints
from schemas.lawbook import FOLDER, Lawbook, load
from sinks.store import Store
from tests.stack.workers import workers

PERSONAL = frozenset(load().rules["columns"]["personal"])
WITH = "SELECT count(*) FROM finding WHERE code = 'TAX-02'"
EDGE = "SELECT count(*) FROM manifest WHERE outcome = 'RELEASE' AND taxed AND tax_total_e5 <> 1000 * tax_fen"
ALONE = f"{WITH} AND (SELECT count(*) FROM finding f WHERE f.manifest_id = finding.manifest_id) = 1"


async def test_a_set_is_explained_and_judged_again(topics: Endpoints, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    documents = GeneratedSet.write(tmp_path / "set", replace(profile("small"), special_share=0.8), 250, 4, processes=1)  # of most stories one
    await preload(documents, topics.kafka_options(), lambda _more: None)
    async with workers(topics, tmp_path, 1) as group:
        await group.settled()
        assert await group.stop() == [0]
        held, alone, edge = [await group.db.fetchval(query) for query in (WITH, ALONE, EDGE)]
        orders = [r[0] for r in await group.db.fetch("SELECT DISTINCT order_no FROM manifest")]
        decided = await group.db.fetchval("SELECT count(*) FROM manifest")
    history, store = tmp_path / "history", Store(topics.postgres)
    try:
        differ: list[Any] = []
        for order_no in orders:
            found = await gather(store, order_no)
            show(found, "zh", every=False)
            differ += [(order_no, m["differences"]) for m in found["manifests"] if m["differences"]]
        assert await build(store, history, PERSONAL) == decided
    finally:
        await store.close()
    assert differ == []
    assert capsys.readouterr().out.count("分毫不差") == decided > 150
    proof = await check_history(topics.postgres, history)
    assert proof.verified, proof.discrepancies[:3]
    assert (proof.counts["history_manifests"], proof.counts["batches_not_in_the_history_yet"]) == (decided, 0)
    same = redecide(history, load())
    assert (same.manifests, same.differ) == (decided, False)
    tolerant, strict = redecide(history, with_tolerance(tmp_path / "more", 1_000_000)), redecide(history, with_tolerance(tmp_path / "none", 0))
    assert alone > 0 and edge > 0, "the set lacks what makes the difference: take another seed"
    assert tolerant.codes == {"TAX-02": (held, 0)}
    assert changed(tolerant) == {("HOLD", "RELEASE"): alone}
    assert (tolerant.tax_more, tolerant.tax_less, tolerant.tax_now_fen) == (0, 0, same.tax_now_fen)
    assert len(tolerant.orders["- TAX-02"]) == tolerant.count("- TAX-02") == held
    assert changed(strict) == {("RELEASE", "HOLD"): edge}
    assert set(strict.codes) == {"TAX-02"} and strict.codes["TAX-02"][0] == 0


def with_tolerance(folder: Path, fen: int) -> Lawbook:
    """The law with another tolerance of the tax withheld, the same for every class."""
    shutil.copytree(FOLDER, folder)
    named = re.compile(r'(name = "tax_tolerance_fen"\n(?:of = .*\nclass = .*\n)?value = )\d+')
    for name, places in (("limits.toml", 1), ("classes.toml", 2)):
        text, found = named.subn(rf"\g<1>{fen}", (folder / name).read_text())
        assert found == places
        (folder / name).write_text(text)
    return load(folder)


def changed(found: Differences) -> dict[tuple[str, str], int]:
    return {kind: n for kind, n in found.outcomes.items() if kind[0] != kind[1]}
