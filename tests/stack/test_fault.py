"""The fault run in short: what `make fault` does but a clean restart of PostgreSQL, once, under load, and the verifier's verdict on it."""

from ops.fault import Plan, run
from ops.fault.plan import BROKER, JOIN, KILL, LEAVE, POSTGRES_CRASH, RESUME, STOP
from tests.conftest import HOME

STOPPED_SECONDS = 8.0  # beyond the session timeout of 6 s: the others take over, and a zombie wakes up


async def test_everything_is_decided_and_published_once_whatever_happens() -> None:
    plan = Plan(
        seed=3, kills=2, workers=2, rate=150.0, manifests=6_000, stop_seconds=STOPPED_SECONDS,
        others=(JOIN, STOP, POSTGRES_CRASH, BROKER), settle_seconds=(0.5, 1.5), measured=False,
    )  # fmt: skip
    outcome = await run(plan, HOME, "test-fault")
    assert sorted(m.kind for m in outcome.faults) == sorted([KILL, KILL, JOIN, LEAVE, STOP, RESUME, POSTGRES_CRASH, BROKER])
    assert [m.kind for m in outcome.faults if m.whom.startswith("nobody")] == []
    assert outcome.proof is not None
    assert (outcome.proof.discrepancies, outcome.verified) == ([], True)
    assert outcome.proof.counts["answers"] == plan.manifests
