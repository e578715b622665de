"""dead-letters: what could not be taken as a document, and what to do with it."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.markup import escape

from ops.commands.lookups import Limit, fetch
from ops.commands.show import FAILED, OUT, AsJson, NotFound, fail, print_json, show_list, table
from ops.sending import Sending, send_each
from schemas.contracts import KINDS, topic_name
from schemas.endpoints import Endpoints
from schemas.lawbook import load
from sinks.lanes import OUT_OF_LOG, RECREATED

app = typer.Typer(no_args_is_help=True, help="List, look at and send anew what could not be taken as a document; resume paused partitions.")
Code = Annotated[str | None, typer.Option(help="Only with this code (DL-01 to DL-07).")]
Topic = Annotated[str | None, typer.Option(help="Only of this topic, such as cbec.order.")]
REPLAYED = "tidegate-replayed-from"  # header of a dead letter that was sent anew
LOST = [RECREATED, OUT_OF_LOG]  # there is no offset to go on at


class Place(NamedTuple):
    """Where a dead letter's record lies in Kafka."""

    topic: str
    partition: int
    kafka_offset: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.kafka_offset}"

    @classmethod
    def of(cls, letter: Mapping[str, Any]) -> "Place":
        return cls(letter["topic"], letter["partition"], letter["kafka_offset"])

    @classmethod
    def read(cls, text: str) -> "Place":
        """As `list` prints it; BadParameter otherwise."""
        try:
            topic, rest = text.split("[", 1)
            partition, offset = rest.split("]@", 1)
            return cls(topic, int(partition), int(offset))
        except ValueError:
            raise typer.BadParameter(f"'{text}' is not topic[partition]@offset") from None


@app.command("list")
def list_(topic: Topic = None, code: Code = None, limit: Limit = 20, json_: AsJson = False) -> None:
    """List dead letters, newest first, and the partitions that are paused."""
    _check(topic, code)
    rows = asyncio.run(fetch("dead_letters_list", topic, code, False, limit))
    pauses = asyncio.run(fetch("pauses_list"))
    if json_:
        print_json({"dead_letters": [dict(r) for r in rows], "paused": [dict(p) for p in pauses]})
        return
    shown = ((r["log_time"], Place.of(r), r["code"], r["reason"], r["bytes"], r["sent_anew_at"] or "") for r in rows)
    show_list("Dead letters", ("logged", "place", "code", "reason", "bytes", "sent anew"), shown, "No dead letter.", limit)
    if pauses:
        OUT.print(table("Paused", ("since", "topic", "partition", "code", "why"),
                        ((p["since"], p["topic"], p["partition"], p["code"], p["detail"]) for p in pauses)))  # fmt: skip
        OUT.print("When the sender is mended: [bold]tidegate dead-letters resume[/]. Of LANE-01 to LANE-03 see docs/architecture.md.")


@app.command()
def show(
    place: Annotated[str, typer.Argument(help="topic[partition]@offset, as `list` prints it.")],
    save: Annotated[Path | None, typer.Option(help="Write the original value to this file. It may hold personal data.")] = None,
    json_: AsJson = False,
) -> None:
    """Show one dead letter; its key and value are not shown, only how long they are."""
    (row,) = asyncio.run(_at([Place.read(place)])).values()
    texts = load().texts()[row["code"]]
    shown: dict[str, Any] = {
        "place": place, "logged": row["log_time"], "code": row["code"], "reason": row["reason"], "meaning": texts["en"],
        "what to do": texts["todo"], "key bytes": len(row["record_key"] or b""), "value bytes": len(row["record_value"] or b""),
        "headers": [name for name, _ in json.loads(row["headers"])], "sent anew": row["sent_anew_at"] or "no", "lane": row["lane"], "batch": row["batch_seq"],
    }  # fmt: skip
    if save:
        save.write_bytes(row["record_value"] or b"")
        shown["saved"] = str(save)
    if json_:
        print_json(shown)
    else:
        OUT.print(table("Dead letter", ("field", "value"), shown.items()))


@app.command()
def replay(
    places: Annotated[list[str] | None, typer.Argument(help="Only these, as `list` prints them: topic[partition]@offset.")] = None,
    topic: Topic = None, code: Code = None, limit: Limit = 100, json_: AsJson = False,
) -> None:  # fmt: skip
    """Send dead letters anew to the topic they came from, for instance after a schema was added.

    Without places those that were not sent anew before: what came back is a new letter, and goes without the former one.
    """
    _check(topic, code)
    sent = asyncio.run(_replay([Place.read(place) for place in places or ()], topic, code, limit))
    if json_:
        print_json({"replayed": sent})
    elif sent:
        OUT.print(f"Sent anew: {len(sent)}. What still cannot be read comes back as a new dead letter.")
    else:
        OUT.print("No dead letter fits.")


@app.command()
def resume(
    topic: Topic = None,
    partition: Annotated[int | None, typer.Option(help="Only this partition.")] = None,
    json_: AsJson = False,
) -> None:
    """Take paused topic-partitions up again, where they were stopped.

    Those with LANE-01 or LANE-02 stay paused: where they were stopped is no place in the topic there is now. Exit code 1 when there are some.
    """
    _check(topic, None)
    rows = asyncio.run(fetch("pause_remove", topic, partition, LOST))
    left = [p for p in asyncio.run(fetch("pauses_list")) if p["code"] in LOST and topic in (None, p["topic"]) and partition in (None, p["partition"])]
    if json_:
        print_json([dict(r) for r in rows])
    elif rows or not left:
        names = ", ".join(f"{r['topic']}[{r['partition']}]" for r in rows)
        OUT.print(escape(f"Resumed: {names}") if rows else "Nothing was paused.")
    if left:
        names = ", ".join(f"{p['topic']}[{p['partition']}] {p['code']}" for p in left)
        fail("Not resumed", f"{names}. Where they were stopped is no place in the topic there is now: see docs/architecture.md, \"A topic made anew\".")
        raise typer.Exit(FAILED)


async def _at(places: Iterable[Place]) -> dict[Place, Any]:
    """The letters at these places, in this order; NotFound names those that are not there."""
    asked = list(dict.fromkeys(places))
    rows = await fetch("dead_letters_at", *map(list, zip(*asked, strict=True))) if asked else []
    letters = {Place.of(row): row for row in rows}
    if missing := [place for place in asked if place not in letters]:
        raise NotFound(f"no dead letter at {', '.join(map(str, missing))}; see `tidegate dead-letters list`")
    return letters


async def _replay(places: Sequence[Place], topic: str | None, code: str | None, limit: int) -> list[str]:
    if not places:
        newest_first = await fetch("dead_letters_list", topic, code, True, limit)
        places = [Place.of(row) for row in reversed(newest_first)]
    letters = await _at(places)
    if not letters:
        return []
    again: list[Sending] = []
    for place, row in letters.items():
        headers = [(name, None if value is None else bytes.fromhex(value)) for name, value in json.loads(row["headers"]) if name != REPLAYED]
        again.append(Sending(row["topic"], row["record_key"], row["record_value"], row["partition"], [*headers, (REPLAYED, str(place).encode())]))
    await send_each(Endpoints.resolve(), again)
    await fetch("dead_letters_sent", *map(list, zip(*letters, strict=True)))
    return [str(place) for place in letters]


def _check(topic: str | None, code: str | None) -> None:
    names = [topic_name(kind) for kind in (*KINDS, "registry", "rules")]
    if topic and topic not in names:
        raise typer.BadParameter(f"dead letters come from {', '.join(names)}", param_hint="--topic")
    codes = [entry["code"] for entry in load().rules["dead_letter"]]
    if code and code not in codes:
        raise typer.BadParameter(f"codes of dead letters are {', '.join(codes)}", param_hint="--code")
