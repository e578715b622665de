"""Where Kafka and PostgreSQL are: named in the environment, or the running local stack."""

import json
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class StackUnreachable(RuntimeError):
    """Nothing to connect to; the message says what to do."""


def home_folder() -> Path:
    """TIDEGATE_HOME, or `.tidegate` in the working folder."""
    return Path(os.environ.get("TIDEGATE_HOME", ".tidegate"))


@dataclass(frozen=True, slots=True)
class Endpoints:
    """`kafka`: bootstrap servers; `postgres`: a DSN that may hold a password (never print it)."""

    kafka: str
    postgres: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "PLAIN"
    sasl_username: str = ""
    sasl_password_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    @classmethod
    def resolve(cls, home: Path | None = None, name: str = "default") -> "Endpoints":
        """TIDEGATE_KAFKA and TIDEGATE_POSTGRES win over the local stack; StackUnreachable without either.

        TIDEGATE_KAFKA_{SECURITY_PROTOCOL,SASL_MECHANISM,SASL_USERNAME,SASL_PASSWORD_FILE,CA_FILE,CERT_FILE,KEY_FILE}
        say how to reach an outside broker; PostgreSQL's TLS settings are part of its DSN (sslmode, sslrootcert).
        """
        env = os.environ
        local = cls._local((home or home_folder()) / "stack" / name / "stack.json")
        kafka = env.get("TIDEGATE_KAFKA") or (local[0] if local else "")
        postgres = env.get("TIDEGATE_POSTGRES") or (local[1] if local else "")
        if not kafka or not postgres:
            raise StackUnreachable(
                "No Kafka and PostgreSQL: start the local stack with `tidegate up`, "
                "or name others in TIDEGATE_KAFKA and TIDEGATE_POSTGRES."
            )
        rest = {
            name: env.get(f"TIDEGATE_KAFKA_{name.upper()}")
            for name in ("security_protocol", "sasl_mechanism", "sasl_username", "sasl_password_file",
                         "ca_file", "cert_file", "key_file")
        }  # fmt: skip
        return cls(kafka, postgres, **{k: v for k, v in rest.items() if v})

    @staticmethod
    def _local(state: Path) -> tuple[str, str] | None:
        if not state.exists():
            return None
        parts = json.loads(state.read_text())
        if not parts["kafka"]["pid"] or not parts["postgres"]["pid"]:
            return None
        return parts["kafka"]["address"], parts["postgres"]["address"]

    def kafka_options(self) -> dict[str, Any]:
        """Keyword arguments for any aiokafka client."""
        options: dict[str, Any] = {"bootstrap_servers": self.kafka, "security_protocol": self.security_protocol}
        if "SSL" in self.security_protocol:
            context = ssl.create_default_context(cafile=self.ca_file or None)
            if self.cert_file:
                context.load_cert_chain(self.cert_file, self.key_file or None)
            options["ssl_context"] = context
        if "SASL" in self.security_protocol:
            options |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": Path(self.sasl_password_file).read_text().strip(),
            }
        return options
