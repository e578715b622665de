"""Settings of a worker process, from the environment (prefix TIDEGATE_)."""

import os
from dataclasses import dataclass

from schemas.endpoints import Endpoints
from schemas.key_files import KeyFiles
from schemas.samples import SecretSeeds


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
        env, keys = os.environ, KeyFiles.resolve().made()
        return cls(
            endpoints or Endpoints.resolve(),
            keys.person_key(),
            keys.seeds(),
            env.get("TIDEGATE_GROUP", "tidegate"),
            env.get("TIDEGATE_BIND", "127.0.0.1"),
            int(env.get("TIDEGATE_PORT", "0")),
            int(env.get("TIDEGATE_BATCH_RECORDS", "24000")),
            env.get("TIDEGATE_TRANSPORT", "batch"),
        )
