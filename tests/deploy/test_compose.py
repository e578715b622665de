"""docker-compose.yml and the Dockerfile: valid by the compose specification, and safe to start."""

import json
import re
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PACKAGES = ("pipeline", "schemas", "sinks", "agents", "loadtest", "ops")
EXACT_TAG = re.compile(r"[a-z0-9-]+(/[a-z0-9-]+)?:v?\d+\.\d+(\.\d+)?(-[a-z0-9.]+)*")
each_service = pytest.mark.parametrize("name", SERVICES)


def specification() -> Any:
    """The compose specification's JSON schema, out of a distribution that is not imported."""
    files = metadata.files("docker-compose") or []
    found = next(f for f in files if f.name == "compose_spec.json")
    return json.loads(Path(str(found.locate())).read_text())


def mounts() -> Iterator[tuple[str, str, str]]:
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source, target = volume.split(":")[:2]
            yield name, source, target


def test_compose_is_valid_by_the_specification() -> None:
    jsonschema.Draft7Validator(specification()).validate(COMPOSE)


def test_the_validator_finds_a_mistake() -> None:
    wrong = COMPOSE | {"services": {"kafka": {"imagee": "apache/kafka:4.1.0"}}}
    assert list(jsonschema.Draft7Validator(specification()).iter_errors(wrong))


def test_mounted_paths_exist_and_volumes_are_declared() -> None:
    for name, source, target in mounts():
        if source.startswith("."):
            assert (ROOT / source).exists(), f"{name} mounts {source}, which is not there"
        else:
            assert source in COMPOSE["volumes"], f"{name} uses the volume {source}, which is not declared"
        assert target.startswith("/")
    assert {source for _, source, _ in mounts() if not source.startswith(".")} == set(COMPOSE["volumes"])


def test_kafka_and_postgres_keep_their_data_on_a_volume() -> None:
    targets = {(name, target) for name, _, target in mounts()}
    assert ("kafka", SERVICES["kafka"]["environment"]["KAFKA_LOG_DIRS"]) in targets
    assert ("postgres", "/var/lib/postgresql") in targets
    assert ("worker", SERVICES["worker"]["environment"]["TIDEGATE_HOME"]) in targets


def test_no_secret_has_a_default() -> None:
    inserted = re.findall(r"\$\{([^}]*)\}", TEXT)
    assert inserted and all(re.fullmatch(r"[A-Z_]+:\?.+", one) for one in inserted), inserted
    for service in SERVICES.values():
        for variable, value in service.get("environment", {}).items():
            if "PASSWORD" in variable:
                assert value.startswith("${"), f"{variable} is written out"


@each_service
def test_ports_are_published_on_loopback_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@each_service
def test_images_have_exact_tags_and_no_registry_host(name: str) -> None:
    assert EXACT_TAG.fullmatch(SERVICES[name]["image"])


def test_base_images_have_exact_tags() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert bases and all(EXACT_TAG.fullmatch(base) for base in bases)


@each_service
def test_nothing_runs_as_root(name: str) -> None:
    service = SERVICES[name]
    assert int(service["user"].split(":")[0]) > 0
    assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"]


@each_service
def test_what_keeps_running_has_a_health_check(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "no" or service["healthcheck"]["test"][0] == "CMD"


def test_dockerfile_copies_what_the_wheel_holds_and_ends_unprivileged() -> None:
    copied = set(re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE))
    names = {n for line in copied for n in line.split()}
    assert names >= set(PACKAGES) | {"pyproject.toml", "README.md", "LICENSE"}
    assert all((ROOT / n).exists() for n in names)
    assert set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)) == names
    user = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)[-1]
    assert user == SERVICES["worker"]["user"] == SERVICES["migrate"]["user"]


def test_the_image_holds_what_the_lock_names_and_nothing_newer() -> None:
    steps = [line for line in DOCKERFILE.splitlines() if line.startswith(("COPY", "RUN"))]
    installs = [n for n, line in enumerate(steps) if " install " in line and "/pip " in line]
    locked, ours = (steps[n].split() for n in installs)
    assert {"--no-deps", "--require-hashes", "-r", "requirements.lock"} <= set(locked)
    assert {"--no-deps", "--no-build-isolation", "."} <= set(ours), "else the build's own needs are the newest there are"
    assert "COPY requirements.lock ./" in steps[: installs[0]]


def test_the_lock_holds_what_the_project_and_its_build_need_each_with_hashes() -> None:
    text = (ROOT / "requirements.lock").read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    names = {canonicalize_name(entry.split("==")[0]) for entry in entries}
    assert all(re.match(r"[\w.-]+==\S+", entry) and "--hash=sha256:" in entry for entry in entries), "and no address of an index"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    for distribution in project["build-system"]["requires"]:  # and what it asks for itself
        needed += [r for r in metadata.requires(distribution) or [] if "extra" not in r]
    wanted = {canonicalize_name(r.name) for r in map(Requirement, needed) if r.marker is None or r.marker.evaluate()}
    assert wanted <= names, sorted(wanted - names)
