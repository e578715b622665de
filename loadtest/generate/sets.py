"""Generated sets as folders that capacity runs, replays and the verifier share.

documents.bin: records in sending order (`_HEAD`, key, value, headers); answers.parquet: a row an order number;
fates.parquet: a row a document that is not simply used; about.json: how it was made and by which generator, and the
content's hash.
"""

import hashlib
import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from loadtest.generate.answers import Answer, Attempt, Fate
from loadtest.generate.documents import DEFAULT_BASE_MS, Planned, generate
from loadtest.generate.profiles import Profile
from schemas.contracts import KINDS

# what a set depends on: another generator, law or wire format makes another set
_GENERATOR = Path(__file__).parent
_SCHEMAS = _GENERATOR.parent.parent / "schemas"
_SOURCES = ((_GENERATOR, "*.*"), (_GENERATOR.parent, "profiles.toml"), (_SCHEMAS / "law", "*.*"), (_SCHEMAS / "avro", "*.avsc"))
_HEAD = struct.Struct(">QBBhIB")  # due ms, kind, partition, key length (-1: no key), value length, headers
_HEADER = struct.Struct(">HH")  # lengths of name and value
_KINDS = {number: kind for kind, number in KINDS.items()}
_ATTEMPT = pl.Struct({"outcome": pl.String, "codes": pl.List(pl.String), "tax_fen": pl.Int64})
ANSWERS = {
    "ebp_code": pl.String, "order_no": pl.String, "story": pl.String,
    "outcome": pl.String, "codes": pl.List(pl.String), "tax_fen": pl.Int64, "attempts": pl.Int64, "either": pl.Boolean,
    "group": pl.String, "accepted": pl.Int64, "histories": pl.List(pl.List(_ATTEMPT)),
}  # fmt: skip
FATES = {
    "sequence": pl.Int64, "kind": pl.String, "ebp_code": pl.String, "order_no": pl.String, "fates": pl.List(pl.String),
}  # fmt: skip


class NoSuchSet(ValueError):
    """The folder holds no complete set of this generator; the message says what to do."""


@cache
def generator() -> str:
    """Which generator this is: BLAKE2b-128 of its files, the law and the wire schemas, in hex."""
    found = hashlib.blake2b(digest_size=16)
    for folder, names in _SOURCES:
        for file in sorted(folder.glob(names)):
            found.update(file.name.encode() + b"\0" + file.read_bytes())
    return found.hexdigest()


@dataclass(frozen=True, slots=True)
class About:
    """`seconds`: from the first to the last document at the profile's pace. `content`: BLAKE2b-128 of documents.bin."""

    profile: str
    manifests: int
    documents: int
    seed: int
    base_ms: int
    seconds: float
    content: str
    generator: str = field(default_factory=generator)


@dataclass(frozen=True, slots=True)
class GeneratedSet:
    """A complete set in `folder`."""

    folder: Path
    about: About

    @classmethod
    def write(
        cls,
        folder: Path,
        profile: Profile,
        manifests: int,
        seed: int,
        base_ms: int = DEFAULT_BASE_MS,
        processes: int = 2,
        progress: Callable[[int], None] = lambda _: None,
    ) -> "GeneratedSet":
        """Generate into a folder, replacing what is there. `progress` is told how many order numbers were added."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "about.json").unlink(missing_ok=True)
        content = hashlib.blake2b(digest_size=16)
        answers: list[Answer] = []
        fates: list[Fate] = []
        documents = last_ms = 0
        with (folder / "documents.bin").open("wb") as f:
            for part in generate(profile, manifests, seed, base_ms, processes):
                data = b"".join(map(_packed, part.documents))
                f.write(data)
                content.update(data)
                answers += part.answers
                fates += part.fates
                documents += len(part.documents)
                last_ms = part.documents[-1].due_ms if part.documents else last_ms
                progress(len(part.answers))
        _answer_table(answers).write_parquet(folder / "answers.parquet")
        _fate_table(fates).write_parquet(folder / "fates.parquet")
        about = About(
            profile.name, len(answers), documents, seed, base_ms, last_ms / 1000, content.hexdigest()
        )
        (folder / "about.json").write_text(json.dumps(asdict(about), indent=1) + "\n")
        return cls(folder, about)

    @classmethod
    def open(cls, folder: Path) -> "GeneratedSet":
        """A set that `write` finished; NoSuchSet otherwise."""
        try:
            about = json.loads((folder / "about.json").read_text())
        except (OSError, ValueError):
            raise NoSuchSet(f"{folder} holds no complete generated set: generate it anew") from None
        if about.get("generator") != generator():
            raise NoSuchSet(f"the set in {folder} was made by another generator or law: generate it anew")
        return cls(folder, About(**about))

    def documents(self) -> Iterator[Planned]:
        """In sending order, read as they are needed."""
        with (self.folder / "documents.bin").open("rb", buffering=1 << 20) as f:
            read = f.read
            while head := read(_HEAD.size):
                due, kind, partition, key_length, value_length, header_count = _HEAD.unpack(head)
                key = read(key_length) if key_length >= 0 else None
                value = read(value_length)
                headers = tuple(_header(read) for _ in range(header_count))
                yield Planned(due, _KINDS[kind], partition, key, value, headers)

    def answers(self) -> pl.DataFrame:
        """A row an order number, columns ANSWERS.

        outcome (empty: open), codes, tax_fen: the last attempt of the first of `histories`; attempts: how many it has.
        """
        return pl.read_parquet(self.folder / "answers.parquet")

    def fates(self) -> pl.DataFrame:
        """Documents that are not simply used, columns FATES; `sequence` is the place in `documents()`."""
        return pl.read_parquet(self.folder / "fates.parquet")


def _packed(d: Planned) -> bytes:
    key = d.key or b""
    head = _HEAD.pack(
        d.due_ms, KINDS[d.kind], d.partition, -1 if d.key is None else len(key), len(d.value), len(d.headers)
    )
    return b"".join((head, key, d.value, *map(_packed_header, d.headers)))


def _packed_header(header: tuple[str, bytes]) -> bytes:
    name, value = header[0].encode(), header[1]
    return _HEADER.pack(len(name), len(value)) + name + value


def _header(read: Callable[[int], bytes]) -> tuple[str, bytes]:
    name_length, value_length = _HEADER.unpack(read(_HEADER.size))
    return read(name_length).decode(), read(value_length)


def _attempt(a: Attempt) -> dict[str, object]:
    return {"outcome": a.outcome, "codes": sorted(a.codes), "tax_fen": a.tax_fen}


def _answer_table(answers: list[Answer]) -> pl.DataFrame:
    last = [a.last or Attempt("") for a in answers]
    histories = [json.dumps([[_attempt(x) for x in history] for history in a.histories]) for a in answers]
    columns: dict[str, Any] = {
        "ebp_code": [a.ebp_code for a in answers],
        "order_no": [a.order_no for a in answers],
        "story": [a.story for a in answers],
        "outcome": [x.outcome for x in last],
        "codes": [sorted(x.codes) for x in last],
        "tax_fen": [x.tax_fen for x in last],
        "attempts": [len(a.histories[0]) for a in answers],
        "either": [a.either for a in answers],
        "group": [a.group for a in answers],
        "accepted": [a.accepted for a in answers],
        # as JSON: from nested Python lists polars builds a series for each of them, a third of the whole generation
        "histories": pl.Series(histories, dtype=pl.String).str.json_decode(ANSWERS["histories"]),
    }
    return pl.DataFrame(columns, schema=ANSWERS)


def _fate_table(fates: list[Fate]) -> pl.DataFrame:
    columns: dict[str, list[object]] = {
        "sequence": [f.sequence for f in fates],
        "kind": [f.kind for f in fates],
        "ebp_code": [f.ebp_code for f in fates],
        "order_no": [f.order_no for f in fates],
        "fates": [list(f.fates) for f in fates],
    }
    return pl.DataFrame(columns, schema=FATES)
