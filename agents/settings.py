"""Settings of a worker process, from the environment (prefix TIDEGATE_)."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from schemas.endpoints import Endpoints, home_folder
from schemas.samples import SecretSeeds, seeds


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """`batch_records`: most records in one batch; `bind`, `port`: metrics and health; port 0 takes a free one."""

    endpoints: Endpoints
    person_key: bytes
    seeds: SecretSeeds
    group: str
    bind: str
    port: int
    batch_records: int
    transport: str

    @classmethod
    def read(cls, endpoints: Endpoints | None = None) -> "WorkerSettings":
        env = os.environ
        return cls(
            endpoints or Endpoints.resolve(),
            person_key(Path(env.get("TIDEGATE_PERSON_KEY_FILE", str(home_folder() / "person.key")))),
            seeds(Path(env.get("TIDEGATE_SAMPLE_KEY_FILE", str(home_folder() / "sample.key")))),
            env.get("TIDEGATE_GROUP", "tidegate"),
            env.get("TIDEGATE_BIND", "127.0.0.1"),
            int(env.get("TIDEGATE_PORT", "0")),
            int(env.get("TIDEGATE_BATCH_RECORDS", "24000")),
            env.get("TIDEGATE_TRANSPORT", "batch"),
        )


def person_key(path: Path) -> bytes:
    """The key of personal pseudonyms: 32 bytes in a file only its owner reads, made on first use."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as f:
                f.write(secrets.token_bytes(32))
        except FileExistsError:
            pass  # another worker was first
    key = path.read_bytes()
    if not 16 <= len(key) <= 64:
        raise ValueError(f"{path} holds {len(key)} bytes; a key has 16 to 64")
    return key
