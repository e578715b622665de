"""The golden bytes: one fixed record of each schema version. `python -m tests.golden.framed` writes those not there yet."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from schemas.codec import decode, decode_output, encode
from schemas.contracts import KINDS, avro, topics

FOLDER = Path(__file__).parent / "bytes"
TIME = datetime(2019, 11, 10, 16, 0, 0, 123_000, UTC)


def fixed(fields: list[dict[str, Any]], start: int = 1) -> dict[str, Any]:
    """A record whose every field has another value, told by its place."""
    return {f["name"]: _value(f["name"], f["type"], n) for n, f in enumerate(fields, start=start)}


def _value(name: str, node: Any, n: int) -> Any:
    if isinstance(node, list):
        return _value(name, node[1], n)
    if not isinstance(node, str) and node["type"] == "record":
        return fixed(node["fields"], n)
    kind = node if isinstance(node, str) else node.get("logicalType", node["type"])
    if kind == "array":
        return [fixed(node["items"]["fields"], 100 * k) for k in (1, 2)]
    return {
        "string": f"{name} 样例{n}", "bytes": bytes(range(n, n + 5)), "int": n, "long": 10**12 + n, "boolean": n % 2 == 1,
        "decimal": Decimal(n * 1_000_003) / 100_000, "timestamp-millis": TIME + timedelta(seconds=n),
    }[kind]  # fmt: skip


def framed(name: str) -> bytes:
    """The framed fixed record of a schema."""
    return encode(name, fixed(avro(name)["fields"]))


def shown(value: Any) -> Any:
    """A decoded record as JSON shows it."""
    if isinstance(value, dict):
        return {k: shown(v) for k, v in value.items()}
    if isinstance(value, list):
        return [shown(v) for v in value]
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, Decimal):
        return f"{value:.5f}"
    return value.hex() if isinstance(value, bytes) else value


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in {name: None for t in topics() for name in t.schemas.values()}:
        if not (FOLDER / f"{name}.bin").exists():
            value = framed(name)
            kind = name.rpartition("-")[0]
            record = decode(kind, value) if kind in KINDS else decode_output(name, value)
            (FOLDER / f"{name}.bin").write_bytes(value)
            (FOLDER / f"{name}.json").write_text(json.dumps(shown(record), ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
