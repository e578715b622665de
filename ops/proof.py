"""The verifier asked with the keys of an installation."""

from pathlib import Path

from loadtest.verify import Proof, verify_apart
from ops.capacity import Say
from schemas.endpoints import Endpoints
from schemas.key_files import KeyFiles


async def proof_of(endpoints: Endpoints, home: Path, answers: Path | None, say: Say, complete: bool = True) -> Proof:
    """Of a system at rest. `home`: where its keys are, unless the environment names them; `answers`: folder of the set that was sent; `complete`: nothing may be unread."""
    keys = KeyFiles.resolve(home)
    return await verify_apart(endpoints, person_key=keys.person_key(), seeds=keys.seeds().periods, answers=answers, complete=complete, progress=say)
