"""docker-compose.yml and the Dockerfile against this project: variables, commands, ports, settings."""

import ast
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PACKAGES = ("pipeline", "schemas", "sinks", "agents", "loadtest", "ops")


def environment_names() -> set[str]:
    """Every string of the code that is the name of a TIDEGATE_ variable."""
    strings: set[str] = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            tree = ast.parse(path.read_text())
            strings |= {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return {s for s in strings if re.fullmatch(r"TIDEGATE_[A-Z_]+", s)}


def command_line(service: dict[str, Any]) -> str:
    command = service.get("command", "")
    return command if isinstance(command, str) else " ".join(command)


def test_variables_of_our_services_are_read_by_the_code() -> None:
    named = {v for s in SERVICES.values() for v in s.get("environment", {}) if v.startswith("TIDEGATE_")}
    named |= set(re.findall(r"\b(TIDEGATE_[A-Z_]+)=", DOCKERFILE))
    assert {"TIDEGATE_KAFKA", "TIDEGATE_POSTGRES", "TIDEGATE_PORT", "TIDEGATE_BIND"} <= named
    assert named <= environment_names(), sorted(named - environment_names())


def test_commands_exist_in_the_command_line() -> None:
    import typer

    from ops.cli import app

    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    used = {c for s in SERVICES.values() for c in re.findall(r"\btidegate ([a-z][a-z-]*)", command_line(s))}
    used |= set(re.findall(r'"tidegate", "([a-z-]+)"', DOCKERFILE))
    assert {"topics", "migrate", "worker"} <= used <= known


def test_migrations_run_before_the_workers() -> None:
    assert command_line(SERVICES["migrate"]) == "sh -c tidegate topics && tidegate migrate"
    assert SERVICES["worker"]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    waits = SERVICES["migrate"]["depends_on"]
    assert waits == {n: {"condition": "service_healthy"} for n in ("kafka", "postgres")}


def test_prometheus_and_the_health_check_know_every_worker_port() -> None:
    worker = SERVICES["worker"]
    count = int(re.findall(r"--count (\d+)", command_line(worker))[0])
    first = int(worker["environment"]["TIDEGATE_PORT"])
    ports = [first + n for n in range(count)]
    config = yaml.safe_load((ROOT / "ops/prometheus/prometheus.yml").read_text())
    scraped = config["scrape_configs"][0]["dns_sd_configs"]
    assert [s["port"] for s in scraped] == ports and all(s["names"] == ["worker"] for s in scraped)
    assert worker["expose"] == [str(p) for p in ports]
    assert all(str(p) in worker["healthcheck"]["test"][-1] for p in ports)


def test_broker_and_database_are_set_as_in_the_local_stack() -> None:
    from ops.stack.kafka import PROPERTIES
    from ops.stack.postgres import SETTINGS

    kafka = SERVICES["kafka"]["environment"]
    for line in PROPERTIES.splitlines():
        name, value = line.split("=", 1)
        if "{" not in value and name not in ("node.id", "group.initial.rebalance.delay.ms"):
            assert kafka.get("KAFKA_" + name.upper().replace(".", "_")) == value, name
    assert kafka["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert kafka["KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS"] == "0"
    local = dict(line.split(" = ") for line in SETTINGS.strip().splitlines())
    given = dict(a.removeprefix("-c").split("=") for a in SERVICES["postgres"]["command"] if a.startswith("-c"))
    assert given.items() <= local.items()
    assert local.keys() - given.keys() <= {"listen_addresses", "port", "unix_socket_directories", "wal_compression",
                                           "fsync", "synchronous_commit", "full_page_writes", "log_checkpoints"}  # fmt: skip
