"""How settings of an outside broker and database become client options, and what is said when they are half set."""

import json
import ssl
from pathlib import Path

import pytest

from schemas.endpoints import Endpoints, SettingsError, StackUnreachable

DSN = "postgresql://app:secret@db.example:5432/tidegate?sslmode=verify-full"
PREFIX = "TIDEGATE_KAFKA_"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("", "_SECURITY_PROTOCOL", "_SASL_MECHANISM", "_SASL_USERNAME", "_SASL_PASSWORD_FILE", "_CA_FILE", "_CERT_FILE", "_KEY_FILE"):
        monkeypatch.delenv(f"TIDEGATE_KAFKA{name}", raising=False)
    for name in ("TIDEGATE_POSTGRES", "TIDEGATE_STACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path))


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch, nothing_set: None) -> pytest.MonkeyPatch:
    """An outside broker and database are named."""
    monkeypatch.setenv("TIDEGATE_KAFKA", "b1.example:9093,b2.example:9093")
    monkeypatch.setenv("TIDEGATE_POSTGRES", DSN)
    return monkeypatch


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("hunter2\n")
    return path


def set_all(monkeypatch: pytest.MonkeyPatch, **settings: object) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(PREFIX + name.upper(), str(value))


def local_stack(home: Path, name: str, pid: int | None = 1) -> None:
    parts = {part: {"pid": pid, "address": f"{name}-{part}"} for part in ("kafka", "postgres")}
    parts["postgres"]["address"] = f"postgresql://{name}"
    folder = home / "stack" / name
    folder.mkdir(parents=True)
    (folder / "stack.json").write_text(json.dumps(parts))


def test_plain(outside: pytest.MonkeyPatch) -> None:
    found = Endpoints.resolve()
    assert found.postgres == DSN
    assert found.kafka_options() == {"bootstrap_servers": "b1.example:9093,b2.example:9093", "security_protocol": "PLAINTEXT"}


def test_sasl_over_tls(outside: pytest.MonkeyPatch, password: Path) -> None:
    set_all(outside, security_protocol="SASL_SSL", sasl_mechanism="SCRAM-SHA-512", sasl_username="app", sasl_password_file=password)
    options = Endpoints.resolve().kafka_options()
    assert isinstance(options["ssl_context"], ssl.SSLContext)
    assert options["ssl_context"].check_hostname
    assert options["ssl_context"].verify_mode is ssl.CERT_REQUIRED
    assert (options["security_protocol"], options["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("app", "hunter2")


def test_sasl_without_tls_has_no_tls_context(outside: pytest.MonkeyPatch, password: Path) -> None:
    set_all(outside, security_protocol="SASL_PLAINTEXT", sasl_username="app", sasl_password_file=password)
    options = Endpoints.resolve().kafka_options()
    assert options["sasl_mechanism"] == "PLAIN"
    assert "ssl_context" not in options


def test_own_authority_and_client_certificate(outside: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Context(ssl.SSLContext):
        loaded: tuple[object, ...] = ()

        def load_cert_chain(self, *files: object) -> None:  # type: ignore[override]
            self.loaded = files

    asked: list[object] = []

    def create(cafile: object) -> Context:
        asked.append(cafile)
        return Context(ssl.PROTOCOL_TLS_CLIENT)

    outside.setattr(ssl, "create_default_context", create)
    files = {name: tmp_path / name for name in ("ca_file", "cert_file", "key_file")}
    for path in files.values():
        path.write_text("PEM")
    set_all(outside, security_protocol="SSL", **files)
    context = Endpoints.resolve().kafka_options()["ssl_context"]
    assert asked == [str(files["ca_file"])]
    assert context.loaded == (str(files["cert_file"]), str(files["key_file"]))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"security_protocol": "TLS"}, f"{PREFIX}SECURITY_PROTOCOL is one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
        ({"security_protocol": "SASL_SSL"}, f"needs {PREFIX}SASL_USERNAME, {PREFIX}SASL_PASSWORD_FILE too"),
        ({"security_protocol": "SASL_SSL", "sasl_username": "app"}, f"needs {PREFIX}SASL_PASSWORD_FILE too"),
        ({"security_protocol": "SASL_SSL", "sasl_mechanism": "GSSAPI"}, f"{PREFIX}SASL_MECHANISM is one of"),
        ({"security_protocol": "SSL", "sasl_username": "app"}, f"{PREFIX}SASL_USERNAME has no effect with SSL"),
        ({"sasl_username": "app"}, f"{PREFIX}SASL_USERNAME has no effect with PLAINTEXT"),
        ({"ca_file": "ca.pem"}, f"{PREFIX}CA_FILE has no effect with PLAINTEXT"),
        ({"security_protocol": "SSL", "key_file": "key.pem"}, f"{PREFIX}KEY_FILE needs {PREFIX}CERT_FILE too"),
    ],
)
def test_half_set(outside: pytest.MonkeyPatch, settings: dict[str, str], said: str) -> None:
    set_all(outside, **settings)
    with pytest.raises(SettingsError) as e:
        Endpoints.resolve()
    assert said in str(e.value)


@pytest.mark.parametrize("name", ["ca_file", "cert_file", "key_file", "sasl_password_file"])
@pytest.mark.parametrize(("content", "said"), [(None, "cannot be read"), ("", "is empty")])
def test_a_file_that_is_not_there_is_named(
    outside: pytest.MonkeyPatch, tmp_path: Path, password: Path, name: str, content: str | None, said: str
) -> None:
    wrong = tmp_path / "wrong"
    if content is not None:
        wrong.write_text(content)
    set_all(outside, security_protocol="SASL_SSL", sasl_username="app", **{"sasl_password_file": password, "cert_file": password, name: wrong})
    if name != "cert_file" and name != "key_file":
        outside.delenv(f"{PREFIX}CERT_FILE")
    with pytest.raises(SettingsError) as e:
        Endpoints.resolve().kafka_options()
    assert f"{PREFIX}{name.upper()}: {wrong}" in str(e.value)
    assert said in str(e.value)


@pytest.mark.parametrize("name", ["ca_file", "cert_file"])
def test_a_file_that_is_no_certificate_is_named(outside: pytest.MonkeyPatch, password: Path, name: str) -> None:
    set_all(outside, security_protocol="SSL", **{name: password})
    with pytest.raises(SettingsError, match=f"{PREFIX}{name.upper()}.*PEM") as e:
        Endpoints.resolve().kafka_options()
    assert "hunter2" not in str(e.value)


def test_database_address_that_is_none_is_not_repeated(outside: pytest.MonkeyPatch) -> None:
    outside.setenv("TIDEGATE_POSTGRES", "host=db password=hunter2")
    with pytest.raises(SettingsError, match="TIDEGATE_POSTGRES is no DSN") as e:
        Endpoints.resolve()
    assert "hunter2" not in str(e.value)


def test_nothing_named_and_nothing_local() -> None:
    with pytest.raises(StackUnreachable, match="tidegate up"):
        Endpoints.resolve()


@pytest.mark.parametrize(("one", "other"), [("TIDEGATE_KAFKA", "TIDEGATE_POSTGRES"), ("TIDEGATE_POSTGRES", "TIDEGATE_KAFKA")])
def test_one_of_two(outside: pytest.MonkeyPatch, one: str, other: str) -> None:
    outside.delenv(other)
    with pytest.raises(StackUnreachable, match=f"{one} is set and {other} is not"):
        Endpoints.resolve()


def test_local_stacks_by_name_and_what_is_named_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    local_stack(tmp_path, "default")
    local_stack(tmp_path, "second")
    assert Endpoints.resolve().kafka == "default-kafka"
    monkeypatch.setenv("TIDEGATE_STACK", "second")
    assert Endpoints.resolve() == Endpoints("second-kafka", "postgresql://second")
    monkeypatch.setenv("TIDEGATE_KAFKA", "outside:9092")
    assert Endpoints.resolve() == Endpoints("outside:9092", "postgresql://second")


def test_settings_of_an_outside_broker_are_not_used_for_the_local_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    local_stack(tmp_path, "default")
    set_all(monkeypatch, security_protocol="SSL")
    with pytest.raises(SettingsError, match="name it in TIDEGATE_KAFKA"):
        Endpoints.resolve()


def test_a_stack_that_was_stopped_is_not_used(tmp_path: Path) -> None:
    local_stack(tmp_path, "default", pid=None)
    with pytest.raises(StackUnreachable):
        Endpoints.resolve()
