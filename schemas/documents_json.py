"""Documents as plain JSON: schema field names, decimals as strings, times as ISO 8601 with their zone."""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from schemas.codec import EPOCH
from schemas.contracts import KINDS, avro, newest

SCALE = 5
DIGITS = 19
BITS = {"int": 32, "long": 64}


class JsonError(ValueError):
    """A JSON document that cannot be sent: names the field, the kind of value found (never the value) and what to do."""

    def __init__(self, code: str, field: str, found: str, todo: str) -> None:
        super().__init__(f"{code}: {field}: found {found}; {todo}")
        self.code, self.field, self.found, self.todo = code, field, found, todo


def from_json(kind: str, obj: Any) -> dict[str, Any]:
    """The record of the kind's newest schema that codec.encode takes; JsonError when `obj` is not one."""
    return _record(_fields(kind), obj, kind)


def to_json(kind: str, record: dict[str, Any]) -> dict[str, Any]:
    """The JSON form of a record as codec.decode gives it."""
    return {f["name"]: _plain(record[f["name"]]) for f in _fields(kind)}


def filing_from_json(obj: Any) -> dict[str, Any]:
    """The record of filing-1 that codec.encode takes; JsonError when `obj` is not one."""
    parts = {f["name"]: f["type"][1] for f in avro(newest("filing"))["fields"] if isinstance(f["type"], list)}
    given = [name for name in parts if isinstance(obj, dict) and name in obj]  # pyright: ignore
    if len(given) != 1:
        raise JsonError("JSON-09", "filing", f"{len(given)} parts", f"give exactly one of {', '.join(parts)}")
    fields = [{"name": "revision", "type": "long"}, {"name": given[0], "type": parts[given[0]]}]
    return _record(fields, obj, "filing")


def _fields(kind: str) -> list[dict[str, Any]]:
    if kind not in KINDS:
        raise JsonError("JSON-01", "kind", f"'{kind}'", f"use one of {', '.join(KINDS)}")
    return avro(newest(kind))["fields"]


def _record(fields: list[dict[str, Any]], obj: Any, where: str) -> dict[str, Any]:
    if not isinstance(obj, dict):
        raise JsonError("JSON-02", where, _kind(obj), "give an object with the schema's fields")
    known = [f["name"] for f in fields]
    for name in obj:  # pyright: ignore
        if name not in known:
            raise JsonError("JSON-03", f"{where}.{name}", "a field the schema does not have", f"known are: {', '.join(known)}")
    record: dict[str, Any] = {}
    for f in fields:
        name, path = f["name"], f"{where}.{f['name']}"
        if name in obj:
            record[name] = _value(f["type"], obj[name], path)  # pyright: ignore
        elif "default" in f:
            record[name] = f["default"]
        else:
            raise JsonError("JSON-04", path, "nothing", "the field is required: add it")
    return record


def _value(node: Any, value: Any, path: str) -> Any:
    kind = node if isinstance(node, str) else node.get("logicalType", node["type"])
    if kind == "string":
        if not isinstance(value, str):
            raise JsonError("JSON-05", path, _kind(value), "give a string")
        return value
    if kind in BITS:
        if isinstance(value, bool) or not isinstance(value, int) or not -(2 ** (BITS[kind] - 1)) <= value < 2 ** (BITS[kind] - 1):
            raise JsonError("JSON-06", path, _kind(value), f"give a whole number of at most {BITS[kind]} bits, without quotes")
        return value
    if not isinstance(node, str) and kind == "record":
        return _record(node["fields"], value, path)
    if kind == "decimal":
        return _decimal(value, path)
    if kind == "timestamp-millis":
        return _time(value, path)
    if not isinstance(value, list):
        raise JsonError("JSON-02", path, _kind(value), "give a list of objects")
    return [_record(node["items"]["fields"], item, f"{path}[{n}]") for n, item in enumerate(value)]  # pyright: ignore


def _decimal(value: Any, path: str) -> Decimal:
    todo = f'give a string such as "129.00", at most {SCALE} decimals and {DIGITS} digits'
    if not isinstance(value, str):
        raise JsonError("JSON-07", path, _kind(value), todo)
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise JsonError("JSON-07", path, "a string that is no number", todo) from None
    if not number.is_finite() or abs(number.adjusted()) > DIGITS or abs(number) >= 10 ** (DIGITS - SCALE):
        raise JsonError("JSON-07", path, "a number out of range", todo)
    if number != round(number, SCALE):
        raise JsonError("JSON-07", path, "a number with more decimals", todo)
    return round(number, SCALE)


def _time(value: Any, path: str) -> datetime:
    todo = 'give a string such as "2019-11-11T00:00:05+08:00", with its zone, to the millisecond'
    if not isinstance(value, str):
        raise JsonError("JSON-08", path, _kind(value), todo)
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is None:
            raise JsonError("JSON-08", path, "a time without a zone", todo)
        time = time.astimezone(UTC)
    except (ValueError, OverflowError) as e:
        if isinstance(e, JsonError):
            raise
        raise JsonError("JSON-08", path, "a string that is no ISO 8601 time", todo) from None
    if time < EPOCH or time.microsecond % 1000:
        raise JsonError("JSON-08", path, "a time before 1970 or finer than a millisecond", todo)
    return time


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        cents = round(value, 2)
        return f"{cents if cents == value else value:f}"
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")
    if isinstance(value, list):
        return [{k: _plain(v) for k, v in item.items()} for item in value]  # pyright: ignore
    return value


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), "another kind of value")  # pyright: ignore
