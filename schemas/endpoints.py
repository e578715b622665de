"""Where Kafka and PostgreSQL are: named in the environment, or the running local stack."""

import json
import os
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class StackUnreachable(RuntimeError):
    """Nothing to connect to; the message says what to do."""


class SettingsError(ValueError):
    """A setting that is wrong or half given: names the variable and what to do, never the value of a secret."""


PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
VARIABLE = "TIDEGATE_KAFKA_"
SASL_SETTINGS = ("sasl_mechanism", "sasl_username", "sasl_password_file")
TLS_SETTINGS = ("ca_file", "cert_file", "key_file")


def home_folder() -> Path:
    """TIDEGATE_HOME, or `.tidegate` in the working folder."""
    return Path(os.environ.get("TIDEGATE_HOME") or ".tidegate")


def stack_name() -> str:
    """TIDEGATE_STACK: which local stack of the home folder is meant; `default` without it."""
    return os.environ.get("TIDEGATE_STACK") or "default"


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
    def resolve(cls, home: Path | None = None, name: str | None = None) -> "Endpoints":
        """TIDEGATE_KAFKA and TIDEGATE_POSTGRES win over the local stack.

        TIDEGATE_KAFKA_{SECURITY_PROTOCOL,SASL_MECHANISM,SASL_USERNAME,SASL_PASSWORD_FILE,CA_FILE,CERT_FILE,KEY_FILE}
        say how to reach an outside broker; PostgreSQL's TLS settings are part of its DSN (sslmode, sslrootcert).
        StackUnreachable when there is nothing to connect to, SettingsError when a setting is wrong or half given.
        """
        env = os.environ
        local = cls._local((home or home_folder()) / "stack" / (name or stack_name()) / "stack.json")
        kafka = env.get("TIDEGATE_KAFKA") or (local[0] if local else "")
        postgres = env.get("TIDEGATE_POSTGRES") or (local[1] if local else "")
        if not kafka or not postgres:
            raise StackUnreachable(_nothing(bool(kafka), bool(postgres)))
        if not postgres.startswith(("postgresql://", "postgres://")):
            raise SettingsError("TIDEGATE_POSTGRES is no DSN: give postgresql://user:password@host:port/database?sslmode=…")
        given = {n: env.get(VARIABLE + n.upper(), "") for n in ("security_protocol", *SASL_SETTINGS, *TLS_SETTINGS)}
        given = {n: value for n, value in given.items() if value}
        if given and not env.get("TIDEGATE_KAFKA"):
            raise SettingsError(f"{_named(given)} is meant for an outside broker: name it in TIDEGATE_KAFKA, or unset it.")
        _check(given)
        return cls(kafka, postgres, **given)

    @staticmethod
    def _local(state: Path) -> tuple[str, str] | None:
        if not state.exists():
            return None
        parts = json.loads(state.read_text())
        if not parts["kafka"]["pid"] or not parts["postgres"]["pid"]:
            return None
        return parts["kafka"]["address"], parts["postgres"]["address"]

    def kafka_options(self) -> dict[str, Any]:
        """Keyword arguments for any aiokafka client; SettingsError when a file they come from cannot be used."""
        options: dict[str, Any] = {"bootstrap_servers": self.kafka, "security_protocol": self.security_protocol}
        if "SSL" in self.security_protocol:
            options["ssl_context"] = self._tls()
        if "SASL" in self.security_protocol:
            options |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": _secret("sasl_password_file", self.sasl_password_file),
            }
        return options

    def _tls(self) -> ssl.SSLContext:
        for name in TLS_SETTINGS:
            if path := getattr(self, name):
                _secret(name, path)
        try:
            context = ssl.create_default_context(cafile=self.ca_file or None)
        except ssl.SSLError:
            raise SettingsError(f"{_named(['ca_file'])}: the file holds no certificate in PEM form.") from None
        if self.cert_file:
            try:
                context.load_cert_chain(self.cert_file, self.key_file or None)
            except ssl.SSLError:
                both = _named(["cert_file", "key_file"])
                raise SettingsError(f"{both}: give a certificate and its unencrypted key in PEM form.") from None
        return context


def _nothing(kafka: bool, postgres: bool) -> str:
    if kafka or postgres:
        there, missing = ("TIDEGATE_KAFKA", "TIDEGATE_POSTGRES") if kafka else ("TIDEGATE_POSTGRES", "TIDEGATE_KAFKA")
        return f"{there} is set and {missing} is not: set both, or start the local stack with `tidegate up`."
    return (
        "No Kafka and PostgreSQL: start the local stack with `tidegate up`, "
        "or name others in TIDEGATE_KAFKA and TIDEGATE_POSTGRES."
    )


def _check(given: Mapping[str, str]) -> None:
    """SettingsError when the settings of an outside broker do not fit together."""
    protocol = given.get("security_protocol", "PLAINTEXT")
    if protocol not in PROTOCOLS:
        raise SettingsError(f"{VARIABLE}SECURITY_PROTOCOL is one of {', '.join(PROTOCOLS)}.")
    for mark, settings in (("SASL", SASL_SETTINGS), ("SSL", TLS_SETTINGS)):
        if mark not in protocol and (idle := [n for n in settings if n in given]):
            fitting = " or ".join(p for p in PROTOCOLS if mark in p)
            raise SettingsError(f"{_named(idle)} has no effect with {protocol}: set {VARIABLE}SECURITY_PROTOCOL to {fitting}.")
    if "SASL" in protocol:
        if given.get("sasl_mechanism", "PLAIN") not in MECHANISMS:
            raise SettingsError(f"{VARIABLE}SASL_MECHANISM is one of {', '.join(MECHANISMS)}.")
        if missing := [n for n in ("sasl_username", "sasl_password_file") if n not in given]:
            raise SettingsError(f"{protocol} needs {_named(missing)} too.")
    if "key_file" in given and "cert_file" not in given:
        raise SettingsError(f"{_named(['key_file'])} needs {_named(['cert_file'])} too.")


def _named(settings: Iterable[str]) -> str:
    return ", ".join(VARIABLE + name.upper() for name in settings)


def _secret(name: str, path: str) -> str:
    """Content of the file that a setting names."""
    try:
        content = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as e:
        raise SettingsError(f"{_named([name])}: {path} cannot be read ({getattr(e, 'strerror', None) or 'no text'}).") from None
    if not content:
        raise SettingsError(f"{_named([name])}: {path} is empty.")
    return content
