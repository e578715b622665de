"""explain: a finding that is only noted is told, and never given as the reason of what was decided."""

from typing import Any

from schemas.endpoints import Endpoints
from tests.golden.test_classes import CASES, trio_of
from tests.ops.conftest import Run
from tests.ops.test_commands import asked
from tests.ops.test_explain import take
from tests.pipeline.trios import records


def case(title: str) -> dict[str, Any]:
    return trio_of(next(c for c in CASES if c["title"] == title))


async def test_a_noted_finding_does_not_explain_a_release(run: Run, named: Endpoints) -> None:
    await take(named, records(case("a telephone that differs is noted")))
    english, chinese = await asked(run, "explain", "EXAMPLE-1"), await asked(run, "explain", "EXAMPLE-1", "--lang", "zh")
    assert "RELEASED" in english.out and "WAY-02  noted only" in english.out
    assert "nothing was found that decides" in english.out and "What to do: nothing; the parcel may leave" in english.out
    assert "correct the waybill" not in english.out
    assert "未发现影响放行的问题" in chinese.out and "仅作记录" in chinese.out and "更正运单" not in chinese.out
    reasons = english.out.partition("Why")[2].partition("What to do")[0]
    assert "noted only" in reasons and "Why: the consignee's telephone" not in english.out


async def test_nor_what_was_held_or_rejected(run: Run, named: Endpoints) -> None:
    await take(named, records(case("nor one that rejects")))
    said = (await asked(run, "explain", "EXAMPLE-1")).out
    assert "REJECTED" in said and "noted only" in said.partition("What to do")[0]
    assert "besides it would be held" not in said and "an officer reviews" not in said
