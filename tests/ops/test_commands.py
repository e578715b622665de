"""The commands on a real stack: what they find, show and return."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from loadtest.generate.stocked import TWO
from ops.commands.dead_letters import REPLAYED
from ops.stack import Stack
from schemas.contracts import HERE, PARTITIONS, topic_name
from schemas.endpoints import Endpoints
from schemas.key_files import KeyFiles
from sinks.topics import ensure_topics
from tests.conftest import led, system
from tests.ops.conftest import Run, Said
from tests.pipeline.memory import Rec
from tests.pipeline.test_weights import RICE, SUGAR, of
from tests.pipeline.trios import KINDS, numbered, rec, records
from tests.stack.canaries import id_number
from tests.stack.nodes import NOW_MS, nodes, within
from tests.stack.test_stock import wanting

EXAMPLES = [str(p) for p in sorted((HERE / "examples" / "hold").glob("*.json"))]
CLOSED = "127.0.0.1:1"  # nobody listens there


@pytest.fixture(scope="module")
async def untouched(stack: Stack) -> AsyncIterator[Endpoints]:
    """A system with topics that no test changes anything in: making one takes longer than what is looked at in it."""
    async with system(stack.endpoints()) as made:
        await led(made, await ensure_topics(made.kafka_options()))
        yield made


@pytest.fixture
def empty(untouched: Endpoints, monkeypatch: pytest.MonkeyPatch) -> Endpoints:
    """That one, named to the commands."""
    monkeypatch.setenv("TIDEGATE_KAFKA", untouched.kafka)
    monkeypatch.setenv("TIDEGATE_POSTGRES", untouched.postgres)
    return untouched


async def asked(run: Run, *arguments: str) -> Said:
    """The same from an async test."""
    return await asyncio.to_thread(run, *arguments)


def held(n: int, platform: str = "330296P001") -> dict[str, Any]:
    """Somebody else pays."""
    trio = numbered(n, **{"payment.payerName": "别人甲乙", "payment.payerIdNumber": id_number(12)})
    for kind in KINDS:
        trio[kind]["ebpCode"] = platform
    return trio


async def take(endpoints: Endpoints, *batches: list[Rec]) -> None:
    """Decide these batches as a worker of lane 0 would."""
    async with nodes(endpoints, [0]) as (worker,):
        for batch in batches:
            await worker.take(*batch)


@pytest.mark.parametrize("command", ["decisions", "waiting", "dead-letters list", "dead-letters replay", "dead-letters resume", "migrate"])
def test_empty_tables(run: Run, empty: Endpoints, command: str) -> None:
    shown, data = run(*command.split()), run(*command.split(), "--json")
    assert (shown.code, data.code) == (0, 0)
    assert data.data is not None
    assert len(shown.out.splitlines()) == 1


def test_what_is_not_there_is_2(run: Run, empty: Endpoints) -> None:
    for command in ("trace EXAMPLE-1", "trace [/bold]", "dead-letters show cbec.order[0]@5", "dead-letters replay cbec.order[0]@5"):
        said = run(*command.split())
        assert (said.code, said.out) == (2, "")
        assert said.err.startswith("Not found: no d")


async def test_trace_tells_everything(run: Run, named: Endpoints) -> None:
    await take(named, records(held(2)))
    said = await asked(run, "trace", "EXAMPLE-2")
    assert said.code == 0
    assert [f"{topic_name(kind)}[0]@0" in said.out for kind in KINDS] == [True] * 3
    for part in (
        "2019-11-", "logged (UTC+8)", "used by attempt 1", "Attempt 1: HOLD, queue orderer, return status 300", "PAY-04",
        "payment payerIdNumber: ***18", "order buyerName: ***3", "支付人与订购人不一致", "1901101000", "27.70", "personal quota 2019",
        "reserve: available → reserved", "332.04", "P|330296Y001|EXAMPLE-PAY-2", "[Code:300;Desc:PAY-04]", "120 / 120 / 120",
    ):  # fmt: skip
        assert part in said.out, part
    assert id_number(12) not in said.out
    data = (await asked(run, "trace", "EXAMPLE-2", "--json")).data
    (manifest,) = data["manifests"]
    assert [d["topic"] for d in data["documents"]] == [topic_name(kind) for kind in KINDS]
    assert manifest["findings"][0]["values_read"]["payment_payerIdNumber"] == "***18"
    assert [e["movement"] for e in manifest["entries"]] == ["reserve"]
    assert [r["returnStatus"] for r in data["receipts"]] == ["300"]
    assert len(manifest["lines"]) == 2


async def test_trace_tells_the_receipts_of_what_waits_and_of_what_is_refused(run: Run, named: Endpoints) -> None:
    """They are published by batches that came later than the documents; and once they are dropped it is said."""
    async with nodes(named, [0]) as (node,):
        order, payment, waybill = records(held(2))
        await node.take(order, payment)
        await node.tick(NOW_MS + 660_000)  # ten minutes, and one
        await node.take(waybill)
        await node.take(rec("order", held(2)["order"] | {"freight": "7"}, 1))
    receipts = (await asked(run, "trace", "EXAMPLE-2", "--json")).data["receipts"]
    assert [(r["subject"], r["returnInfo"][-8:]) for r in receipts if "DOC-" in r["returnInfo"]] == [("open-order", ":DOC-09]"), ("document", ":DOC-04]")]
    connection: asyncpg.Connection = await asyncpg.connect(named.postgres)
    await connection.execute("TRUNCATE outbox; INSERT INTO dropped VALUES ('outbox', '2031-01-02 03:00+00')")
    await connection.close()
    shown = (await asked(run, "trace", "EXAMPLE-2")).out
    assert "before 2031-01-02 11:00:00 (UTC+8)" in shown and topic_name("receipt") in shown and "No receipt since then" in shown


async def test_entries_of_an_account_name_their_orders(run: Run, named: Endpoints) -> None:
    """Of a guarantee and of stock, the youngest first; the number of a manifest is nobody's but ours."""
    await take(named, wanting(0, 0, 1, (TWO, "1")), wanting(0, 1, 2, (TWO, "1"), second=1))
    (manifest,) = (await asked(run, "trace", "EXAMPLE-1", "--json")).data["manifests"]
    for account in (("guarantee", "show", manifest["guarantor_code"]), ("stock", "show", manifest["stock"][0]["book_item"])):
        last = (await asked(run, *account, "--json")).data["entries"]
        assert [(e["entry_no"], e["ebp_code"], e["order_no"]) for e in last] == [(n, "330296P001", f"EXAMPLE-{n}") for n in (2, 1)]
        assert last[1]["manifest_id"] == manifest["manifest_id"]
        shown = (await asked(run, *account)).out
        assert "330296P001" in shown and "EXAMPLE-2" in shown and str(manifest["manifest_id"]) not in shown


async def test_decisions_by_a_code_that_is_none_say_so(run: Run, named: Endpoints) -> None:
    await take(named, records(held(2)))
    assert "EXAMPLE-2" in (await asked(run, "decisions", "--code", "PAY-04")).out
    assert (await asked(run, "decisions", "--code", "PAY-01")).out.strip() == "No decision fits."
    assert "knows no code PAY-99" in (await asked(run, "decisions", "--code", "PAY-99")).out


async def test_trace_tells_what_was_taken_of_every_ledger(run: Run, named: Endpoints) -> None:
    await take(named, records(of(7, (SUGAR, "4.00001"), (RICE, "1"), **{"waybill.consignee": "代收"})))
    shown = (await asked(run, "trace", "EXAMPLE-7")).out
    for part in ("personal quota 2019", "CNY 15.00", "yearly weight of sugar 2019", "0.400001 kg", "yearly weight of rice 2019", "5.000000 kg"):
        assert part in shown, part
    (manifest,) = (await asked(run, "trace", "EXAMPLE-7", "--json")).data["manifests"]
    moved = [(e["ledger"], e["weight_group"], e["amount"], e["reserved_after"], e["unit"]) for e in manifest["entries"]]
    assert moved == [
        ("quota", "", 1_500, 1_500, "fen"), ("weight", "rice", 5_000_000, 5_000_000, "mg"), ("weight", "sugar", 400_001, 400_001, "mg"),
    ]  # fmt: skip


async def test_several_platforms_with_one_number_are_all_listed(run: Run, named: Endpoints) -> None:
    first, second = held(2), held(2, platform="330296P002")
    second["order"]["payTransactionId"] = second["payment"]["payTransactionId"] = "EXAMPLE-PAY-other"
    second["waybill"]["logisticsNo"] = "EXAMPLE-WAY-other"
    await take(named, records(first), records(second, offset=1))
    both = (await asked(run, "trace", "EXAMPLE-2", "--json")).data
    one = (await asked(run, "trace", "EXAMPLE-2", "--platform", "330296P002", "--json")).data
    assert [m["ebp_code"] for m in both["manifests"]] == ["330296P001", "330296P002"]
    assert [m["ebp_code"] for m in one["manifests"]] == ["330296P002"]
    assert {r["ebpCode"] for r in one["receipts"]} == {"330296P002"}
    none = await asked(run, "trace", "EXAMPLE-2", "--platform", "X")
    assert (none.code, none.out) == (2, "")
    assert "is one of 330296P001, 330296P002, not of X" in none.err


async def test_decisions_by_outcome_queue_code_and_platform(run: Run, named: Endpoints) -> None:
    rejected = numbered(3, **{"payment.amountPaid": "1.00"})
    await take(named, records(numbered(1)), records(held(2), offset=1), records(rejected, offset=2))

    async def numbers(*filters: str) -> list[str]:
        return sorted(d["order_no"][-1] for d in (await asked(run, "decisions", *filters, "--json")).data)

    assert await numbers() == ["1", "2", "3"]
    assert await numbers("--outcome", "hold") == ["2"]
    assert await numbers("--queue", "orderer") == ["2"]
    assert await numbers("--queue", "review") == []
    assert await numbers("--code", "PAY-01") == ["3"]
    assert await numbers("--platform", "330296P001", "--limit", "2") != []
    assert await numbers("--platform", "330296P002") == []
    assert "There may be more than 2: --limit shows them." in (await asked(run, "decisions", "--limit", "2")).out
    shown = await asked(run, "decisions", "--outcome", "REJECT")
    assert "There may be more" not in shown.out
    assert "PAY-01" in shown.out
    assert "EXAMPLE-3" in shown.out


async def test_waiting_says_what_is_missing_since_when_and_from_whom(run: Run, named: Endpoints) -> None:
    one, other = numbered(1), held(2, platform="330296P002")
    await take(named, [rec("order", one["order"], 0), rec("waybill", one["waybill"], 0), rec("payment", other["payment"], 0)])
    rows = {r["order_no"]: r for r in (await asked(run, "waiting", "--json")).data}
    assert rows["EXAMPLE-1"]["missing"] == ["payment"]
    assert rows["EXAMPLE-1"]["sender"] == "payment firm 330296Y001 样例支付1号科技有限公司"
    assert rows["EXAMPLE-1"]["since"].startswith("2019-11-10T17:00:00")
    assert rows["EXAMPLE-2"]["missing"] == ["order", "waybill"]
    assert rows["EXAMPLE-2"]["sender"] == "platform 330296P002, the carrier"
    filtered = await asked(run, "waiting", "--platform", "330296P002")
    assert "EXAMPLE-2" in filtered.out
    assert "EXAMPLE-1" not in filtered.out
    traced = await asked(run, "trace", "EXAMPLE-1")
    assert traced.code == 0
    assert "Not decided" in traced.out


async def test_texts_of_senders_are_shown_as_they_are(run: Run, named: Endpoints) -> None:
    number = "[/red]\x1b[2J"
    order = numbered(1)["order"] | {"orderNo": number}
    await take(named, [rec("order", order, 0)])
    for command in (("waiting",), ("trace", number)):
        said = await asked(run, *command)
        assert said.code == 0
        assert "[/red]�[2J" in said.out
        assert "\x1b" not in said.out


async def test_dead_letters_are_listed_shown_and_sent_anew_once(run: Run, topics: Endpoints, named: Endpoints) -> None:
    key, value = b"some|key", b"\x00\x00\x00\x00\x66broken"
    name = topic_name("order")
    await take(named, [Rec(name, 0, 0, 1_573_401_600_000, key, value, [("trace", b"abc")])])
    listed = (await asked(run, "dead-letters", "list", "--json")).data
    assert [(d["topic"], d["code"], d["sent_anew_at"]) for d in listed["dead_letters"]] == [(name, "DL-01", None)]
    shown = await asked(run, "dead-letters", "show", f"{name}[0]@0")
    assert (shown.code, "broken" in shown.out, "check framing and schema" in shown.out) == (0, False, True)
    assert (await asked(run, "dead-letters", "replay", "--json")).data == {"replayed": [f"{name}[0]@0"]}
    async with AIOKafkaConsumer(**topics.kafka_options(), auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(name, p) for p in range(PARTITIONS)])
        again = await within(consumer.getone())
    assert (again.key, again.value, again.partition) == (key, value, 0)
    assert again.headers == (("trace", b"abc"), (REPLAYED, f"{name}[0]@0".encode()))
    # it came back as a new dead letter: only that one is sent next time
    await take(named, [Rec(name, 0, 1, 1_573_401_601_000, again.key, again.value, again.headers)])
    assert (await asked(run, "dead-letters", "replay", "--json")).data == {"replayed": [f"{name}[0]@1"]}
    assert (await asked(run, "dead-letters", "replay", "--json")).data == {"replayed": []}
    assert all(d["sent_anew_at"] for d in (await asked(run, "dead-letters", "list", "--json")).data["dead_letters"])
    assert (await asked(run, "dead-letters", "replay", f"{name}[0]@0", "--json")).data == {"replayed": [f"{name}[0]@0"]}  # who is named goes again


async def test_resume_takes_paused_partitions_up(run: Run, named: Endpoints, db: asyncpg.Connection) -> None:
    for partition in (1, 2):
        await db.execute(
            "INSERT INTO partition_pause (topic, partition, code, since, detail) VALUES ($1, $2, 'POISON', now(), 'many')",
            topic_name("order"), partition,
        )  # fmt: skip
    listed = await asked(run, "dead-letters", "list")
    assert "POISON" in listed.out
    assert "dead-letters resume" in listed.out
    assert (await asked(run, "dead-letters", "resume", "--partition", "1", "--json")).data == [{"topic": topic_name("order"), "partition": 1}]
    assert (await asked(run, "dead-letters", "resume")).out == f"Resumed: {topic_name('order')}[2]\n"
    assert (await asked(run, "dead-letters", "resume")).out == "Nothing was paused.\n"


async def test_resume_leaves_what_has_no_place_to_go_on_at(run: Run, named: Endpoints, db: asyncpg.Connection) -> None:
    order = topic_name("order")
    for partition, code in ((1, "POISON"), (2, "LANE-01"), (3, "LANE-02")):
        await db.execute("INSERT INTO partition_pause (topic, partition, code, since, detail) VALUES ($1, $2, $3, now(), '')", order, partition, code)
    said = await asked(run, "dead-letters", "resume")
    assert (said.code, said.out) == (1, f"Resumed: {order}[1]\n")
    assert said.err.startswith(f"Not resumed: {order}[2] LANE-01, {order}[3] LANE-02. ")
    assert "docs/architecture.md" in said.err
    again = await asked(run, "dead-letters", "resume", "--partition", "3", "--json")
    assert (again.code, again.data, "[2]" in again.err) == (1, [], False)
    assert [r["partition"] for r in await db.fetch("SELECT partition FROM partition_pause ORDER BY partition")] == [2, 3]
    assert (await asked(run, "dead-letters", "resume", "--partition", "1")).out == "Nothing was paused.\n"


def test_topics_and_send(run: Run, named: Endpoints) -> None:
    made = run("topics", "--json")
    assert made.code == 0
    assert all(t["created"] for t in made.data)
    assert not any(t["created"] for t in run("topics", "--json").data)
    sent = run("send", *EXAMPLES, "--json").data
    assert [(s["topic"], s["order_no"]) for s in sent] == [(topic_name(kind), "EXAMPLE-2") for kind in KINDS]
    assert "tidegate trace EXAMPLE-2" in run("send", *EXAMPLES).out
    doctor = run("doctor", "--json")
    workers = next(c for c in doctor.data if c["check"] == "workers")
    assert doctor.code == 1
    assert (workers["found"], workers["todo"]) == ("0 running, 6 records not yet taken in", "tidegate worker")


async def test_verify_is_1_when_something_differs(
    run: Run, topics: Endpoints, named: Endpoints, db: asyncpg.Connection, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path))
    keyless = await asked(run, "verify")  # with another key than the workers' nothing would agree
    assert (keyless.code, "TIDEGATE_PERSON_KEY_FILE" in keyless.err, list(tmp_path.iterdir())) == (2, True, [])
    KeyFiles.resolve().made()
    good = await asked(run, "verify")
    assert (good.code, "Nothing to verify yet" in good.out) == (0, True)
    await db.execute("INSERT INTO number_use VALUES ('P|a|b', 1, 1, 'P', 'order-7', 1, now())")
    bad, data = await asked(run, "verify"), await asked(run, "verify", "--json")
    assert (bad.code, data.code) == (1, 1)
    assert "discrepancies" in bad.out
    assert data.data["verified"] is False


def test_without_topics_or_tables(run: Run, named: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in ("worker", "verify"):
        said = run(command)
        assert (said.code, "tidegate topics" in said.err) == (1, True)
    doctor = {c["check"]: c for c in run("doctor", "--json").data}
    assert [name for name, c in doctor.items() if not c["ok"]] == ["topics"]
    monkeypatch.setenv("TIDEGATE_POSTGRES", f"{named.postgres.rsplit('/', 1)[0]}/postgres")
    for command in ("decisions", "trace X", "waiting"):
        said = run(*command.split())
        assert (said.code, "tidegate migrate" in said.err) == (1, True)
    assert next(c for c in run("doctor", "--json").data if c["check"] == "tables")["todo"] == "tidegate migrate"


@pytest.mark.parametrize("command", ["topics", "worker", f"send {EXAMPLES[0]}", "verify", "doctor"])
def test_broker_away_is_3(run: Run, empty: Endpoints, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("TIDEGATE_KAFKA", CLOSED)
    said = run(*command.split())
    assert said.code == 3
    assert "TIDEGATE_KAFKA" in said.out + said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("command", ["decisions", "waiting", "trace X", "migrate", "verify", "worker", "dead-letters list", "doctor"])
@pytest.mark.parametrize("wrong", ["closed", "password", "database"])
def test_database_away_is_3(run: Run, empty: Endpoints, monkeypatch: pytest.MonkeyPatch, command: str, wrong: str) -> None:
    base, database = empty.postgres.rsplit("/", 1)
    user, address = base.rsplit("@", 1)
    dsn = {
        "closed": f"{user}@{CLOSED}/{database}", "password": f"postgresql://tidegate:wrong@{address}/{database}", "database": f"{base}/none",
    }[wrong]  # fmt: skip
    monkeypatch.setenv("TIDEGATE_POSTGRES", dsn)
    said = run(*command.split())
    assert said.code == 3
    assert "TIDEGATE_POSTGRES" in said.out + said.err
    assert user.rsplit(":", 1)[1] not in said.out + said.err
