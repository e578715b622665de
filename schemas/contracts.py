"""Topics and Avro schemas, read from topics.toml and avro/."""

import json
import os
import tomllib
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


@dataclass(frozen=True, slots=True)
class Topic:
    """`index` is its place in topics.toml; `schemas`: id on the wire → schema name, oldest first."""

    name: str
    role: str
    kind: str
    index: int
    schemas: dict[int, str]


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
            {int(i): n for i, n in entry["schemas"].items()},
        )
        for index, entry in enumerate(_LIST["topic"])
    )


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
def schema_ids() -> dict[int, str]:
    """Schema id → name over all topics."""
    return {i: n for t in topics() for i, n in t.schemas.items()}


@lru_cache
def id_of(name: str) -> int:
    """Id of a schema name."""
    return next(i for i, n in schema_ids().items() if n == name)


@lru_cache
def schemas_of(kind: str) -> dict[int, str]:
    """Schema id → name of one kind of document, oldest first."""
    return next(t.schemas for t in topics() if t.kind == kind)


def newest(kind: str) -> str:
    """Name of the newest schema of a kind."""
    return list(schemas_of(kind).values())[-1]
