"""Topics and Avro schemas, read from topics.toml and avro/."""

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import fastavro

HERE = Path(__file__).parent
PREFIX = "cbec."
_LIST = tomllib.loads((HERE / "topics.toml").read_text())
PARTITIONS: int = _LIST["partitions"]
CONFIG: dict[str, str] = _LIST["config"]
KINDS = {"order": 1, "payment": 2, "waybill": 3}
REGISTRY_PARTITION = 0  # of the topics of registry and rules: all changes come in one order
_registered: dict[str, int] = {}  # schema name → id in the registry


@dataclass(frozen=True, slots=True)
class Topic:
    """`index` is its place in topics.toml; `schemas`: id on the wire → schema name, oldest first. Of several ids of one
    schema the first is written, and all are read. `config`: of this topic besides CONFIG."""

    name: str
    role: str
    kind: str
    index: int
    schemas: dict[int, str]
    config: dict[str, str]


def topic_name(short: str) -> str:
    """Full name of a topic; TIDEGATE_TOPIC_PREFIX (default `cbec.`) lets two systems share a broker."""
    return os.environ.get("TIDEGATE_TOPIC_PREFIX", PREFIX) + short


@lru_cache
def topics() -> tuple[Topic, ...]:
    """All topics in the order of topics.toml."""
    return tuple(
        Topic(
            topic_name(entry["name"].removeprefix(PREFIX)),
            entry["role"],
            entry["kind"],
            index,
            _with_registered({int(i): n for i, n in entry["schemas"].items()}),
            entry.get("config", {}),
        )
        for index, entry in enumerate(_LIST["topic"])
    )


def _with_registered(listed: Mapping[int, str]) -> dict[int, str]:
    """The registry's id of each schema before the one of topics.toml, under which older documents are kept."""
    found: dict[int, str] = {}
    for number, name in listed.items():
        for one in (_registered.get(name, number), number):
            if found.setdefault(one, name) != name or listed.get(one, name) != name:
                raise ValueError(f"id {one} would be both {name} and {listed.get(one, found[one])}: registry and topics.toml disagree")
    return found


def use_ids(ids: Mapping[str, int]) -> None:
    """Write with these ids (by schema name), and read them beside those of topics.toml, from now on in this process.

    Call it before anything is decoded. ValueError when an id means two schemas of one topic.
    """
    _registered.clear()
    _registered.update(ids)
    for kept in (topics, topic, ids_of, schemas_of):
        kept.cache_clear()
    try:
        topics()
    except ValueError:
        _registered.clear()
        raise


@lru_cache
def topic(name: str) -> Topic:
    """The topic of that full name; KeyError when there is none."""
    for one in topics():
        if one.name == name:
            return one
    raise KeyError(name)


def document_topics() -> tuple[Topic, ...]:
    """Order, payment, waybill."""
    return tuple(t for t in topics() if t.role == "document")


@lru_cache
def avro(name: str) -> dict[str, Any]:
    """The Avro schema of a name such as `order-2`, as JSON."""
    return json.loads((HERE / "avro" / f"{name}.avsc").read_text())


@lru_cache
def parsed(name: str) -> Any:
    """The same, parsed by fastavro."""
    return fastavro.parse_schema(avro(name), named_schemas={})


@lru_cache
def ids_of(name: str) -> tuple[int, ...]:
    """All ids of a schema name."""
    return tuple(dict.fromkeys(i for t in topics() for i, n in t.schemas.items() if n == name))


def id_of(name: str) -> int:
    """The id that a schema is written with."""
    return ids_of(name)[0]


@lru_cache
def schemas_of(kind: str) -> dict[int, str]:
    """Schema id → name of one kind of document, oldest first."""
    return next(t.schemas for t in topics() if t.kind == kind)


def newest(kind: str) -> str:
    """Name of the newest schema of a kind."""
    return list(schemas_of(kind).values())[-1]
