"""The verifier asked with the keys of an installation."""

from pathlib import Path

from agents.settings import person_key
from loadtest.verify import Proof, verify_apart
from ops.capacity import Say
from schemas.endpoints import Endpoints
from schemas.samples import seeds


async def proof_of(endpoints: Endpoints, home: Path, answers: Path | None, say: Say, complete: bool = True) -> Proof:
    """Of a system at rest. `home`: where its keys are; `answers`: folder of the set that was sent; `complete`: nothing may be unread."""
    key, drawn_by = person_key(home / "person.key"), seeds(home / "sample.key").periods
    return await verify_apart(endpoints, person_key=key, seeds=drawn_by, answers=answers, complete=complete, progress=say)
