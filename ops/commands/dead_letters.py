"""dead-letters: what could not be taken as a document, and what to do with it."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from ops.commands.lookups import Limit, fetch
from ops.commands.show import OUT, AsJson, NotFound, print_json, show_list, table
from ops.sending import Sending, send_each
from schemas.contracts import KINDS, topic_name
from schemas.endpoints import Endpoints
from schemas.lawbook import load

app = typer.Typer(no_args_is_help=True, help="List, look at and send anew what could not be taken as a document; resume paused partitions.")
Code = Annotated[str | None, typer.Option(help="Only with this code (DL-01 to DL-07).")]
Topic = Annotated[str | None, typer.Option(help="Only of this topic, such as cbec.order.")]
REPLAYED = "tidegate-replayed-from"  # header of a dead letter that was sent anew


@app.command("list")
def list_(topic: Topic = None, code: Code = None, limit: Limit = 20, json_: AsJson = False) -> None:
    """List dead letters, newest first, and the partitions that are paused."""
    _check(topic, code)
    rows = asyncio.run(fetch("dead_letters_list", topic, code, False, limit))
    pauses = asyncio.run(fetch("pauses_list"))
    if json_:
        print_json({"dead_letters": [dict(r) for r in rows], "paused": [dict(p) for p in pauses]})
        return
    shown = ((r["log_time"], _place(r), r["code"], r["reason"], r["bytes"], r["sent_anew_at"] or "") for r in rows)
    show_list("Dead letters", ("logged", "place", "code", "reason", "bytes", "sent anew"), shown, "No dead letter.")
    if pauses:
        OUT.print(table("Paused", ("since", "topic", "partition", "code", "why"),
                        ((p["since"], p["topic"], p["partition"], p["code"], p["detail"]) for p in pauses)))  # fmt: skip
        OUT.print("When the sender is mended: [bold]tidegate dead-letters resume[/]")


@app.command()
def show(
    place: Annotated[str, typer.Argument(help="topic[partition]@offset, as `list` prints it.")],
    save: Annotated[Path | None, typer.Option(help="Write the original value to this file. It may hold personal data.")] = None,
    json_: AsJson = False,
) -> None:
    """Show one dead letter; its key and value are not shown, only how long they are."""
    row = asyncio.run(_one(place))
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
    sent = asyncio.run(_replay(places, topic, code, limit))
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
    """Take paused topic-partitions up again, where they were stopped."""
    _check(topic, None)
    rows = asyncio.run(fetch("pause_remove", topic, partition))
    if json_:
        print_json([dict(r) for r in rows])
    else:
        names = ", ".join(f"{r['topic']}[{r['partition']}]" for r in rows)
        OUT.print(escape(f"Resumed: {names}") if rows else "Nothing was paused.")


async def _one(place: str) -> Any:
    try:
        topic, rest = place.split("[", 1)
        partition, offset = rest.split("]@", 1)
        found = await fetch("dead_letter_one", topic, int(partition), int(offset))
    except ValueError:
        raise typer.BadParameter(f"'{place}' is not topic[partition]@offset") from None
    if not found:
        raise NotFound(f"no dead letter at {place}; see `tidegate dead-letters list`")
    return found[0]


async def _replay(places: list[str] | None, topic: str | None, code: str | None, limit: int) -> list[str]:
    if not places:
        places = [_place(r) for r in reversed(await fetch("dead_letters_list", topic, code, True, limit))]  # oldest first
    letters = {place: await _one(place) for place in places}
    if not letters:
        return []
    again: list[Sending] = []
    for place, row in letters.items():
        headers = [(name, None if value is None else bytes.fromhex(value)) for name, value in json.loads(row["headers"]) if name != REPLAYED]
        again.append(Sending(row["topic"], row["record_key"], row["record_value"], row["partition"], [*headers, (REPLAYED, place.encode())]))
    await send_each(Endpoints.resolve(), again)
    where = ("topic", "partition", "kafka_offset")
    await fetch("dead_letters_sent", *([row[column] for row in letters.values()] for column in where))
    return [*letters]


def _place(letter: Mapping[str, Any]) -> str:
    return f"{letter['topic']}[{letter['partition']}]@{letter['kafka_offset']}"


def _check(topic: str | None, code: str | None) -> None:
    names = [topic_name(kind) for kind in (*KINDS, "registry", "rules")]
    if topic and topic not in names:
        raise typer.BadParameter(f"dead letters come from {', '.join(names)}", param_hint="--topic")
    codes = [entry["code"] for entry in load().rules["dead_letter"]]
    if code and code not in codes:
        raise typer.BadParameter(f"codes of dead letters are {', '.join(codes)}", param_hint="--code")
