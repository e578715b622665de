"""What needs no stack: wrong usage is 2, no stack is 3, errors say field, kind of value and what to do."""

import json
import signal
from pathlib import Path

import pytest

from ops import cli
from schemas.contracts import HERE
from tests.ops.conftest import Run

COMMANDS = (
    "demo", "up", "down", "status", "topics", "migrate", "doctor", "worker", "send", "decisions", "waiting", "trace", "explain", "redecide", "history", "history build", "history check", "capacity",
    "replay", "verify", "law", "law check", "dead-letters", "dead-letters list", "dead-letters show", "dead-letters replay", "dead-letters resume",
)  # fmt: skip
ORDER = str(HERE / "examples" / "release" / "order.json")
NEED_A_STACK = (
    "topics", "migrate", "worker", f"send {ORDER}", "decisions", "waiting", "trace X", "explain X", "history build", "replay", "verify", "dead-letters list",
    "dead-letters show cbec.order[0]@0", "dead-letters replay", "dead-letters resume",
)  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("TIDEGATE_KAFKA", "TIDEGATE_POSTGRES", "TIDEGATE_STACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path))


@pytest.mark.parametrize("command", COMMANDS)
def test_help(run: Run, command: str) -> None:
    said = run(*command.split(), "--help")
    assert said.code == 0
    assert "Usage:" in said.out


@pytest.mark.parametrize("command", NEED_A_STACK)
def test_without_a_stack_it_is_3_and_says_what_to_do(run: Run, command: str) -> None:
    said = run(*command.split())
    assert (said.code, said.out) == (3, "")
    assert "tidegate up" in said.err
    assert "TIDEGATE_KAFKA and TIDEGATE_POSTGRES" in said.err


def test_status_and_doctor_without_a_stack(run: Run) -> None:
    status, doctor = run("status"), run("doctor", "--json")
    assert (status.code, status.out.count("stopped")) == (3, 2)
    assert "tidegate up" in status.out
    assert doctor.code == 3
    found = {check["check"]: check for check in doctor.data}
    assert [name for name, check in found.items() if not check["ok"]] == ["stack"]
    assert "tidegate up" in found["stack"]["todo"]
    assert {"Python", "Faust", "aiokafka", "Java", "PostgreSQL", "law", "disk", "memory", "folder"} <= set(found)


def test_down_without_a_stack(run: Run) -> None:
    assert run("down").out == "Nothing was running.\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("", "Usage"),
        ("nonsense", "No such command"),
        ("trace", "Missing argument"),
        ("decisions --outcome perhaps", "RELEASE, HOLD or REJECT"),
        ("decisions --queue none", "review, orderer, inspection"),
        ("decisions --code pay1", "docs/platforms.md"),
        ("waiting --limit 0", "--limit"),
        ("worker --count 0", "--count"),
        ("dead-letters", "Usage"),
        ("dead-letters show here", "topic[partition]@offset"),
        ("dead-letters list --topic elsewhere", "cbec.order"),
        ("dead-letters list --topic elsewhere", "cbec.rules"),
        ("redecide --as-of 2018-12-31", "2019-01-01"),
        ("dead-letters replay --code DOC-01", "DL-01"),
        ("status --name ../..", "letters, digits"),
        ("capacity --profile none", "no profile"),
        ("capacity --engine steam", "plain-faust"),
        ("send README.md", "--kind"),
        ("send README.md --kind letter", "order, payment, waybill"),
        ("send README.md --kind order", "README.md is not JSON"),
        ("send order-that-is-not-there.json", "order-that-is-not-there.json: No such file"),
        ("send schemas --kind order", "schemas: Is a directory"),
    ],
)
def test_wrong_usage_is_2(run: Run, command: str, said: str) -> None:
    found = run(*command.split())
    assert found.code == 2
    assert said in found.out + found.err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"goodsValue": 322.04}, 'JSON-07: order.goodsValue: found a number; give a string such as "129.00"'),
        ({"buyerName": None}, "JSON-05: order.buyerName: found null; give a string"),
        ({"appTime": "yesterday Wang"}, "JSON-08: order.appTime: found a string that is no ISO 8601 time"),
        ({"orderList": {}}, "JSON-02: order.orderList: found an object; give a list of objects"),
        ({"colour": "red"}, "JSON-03: order.colour: found a field the schema does not have"),
    ],
)
def test_send_names_file_field_and_kind_of_value_and_never_the_value(
    run: Run, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    whole = json.loads(Path(ORDER).read_text())
    path = tmp_path / "order-2.json"
    path.write_text(json.dumps([whole, whole | change]))
    found = run("send", str(path))
    message = " ".join(found.err.replace("│", " ").split())
    assert found.code == 2
    assert said in message
    assert "document [1]" in message
    assert str(path) in message.replace(" ", "")
    assert "Wang" not in message


def test_a_setting_half_set_is_2(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_KAFKA", "b:9092")
    monkeypatch.setenv("TIDEGATE_POSTGRES", "postgresql://u:hunter2@db/x")
    monkeypatch.setenv("TIDEGATE_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    said = run("decisions")
    assert said.code == 2
    assert "TIDEGATE_KAFKA_SASL_USERNAME" in said.err
    assert "hunter2" not in said.err


def test_what_nobody_expected_is_seen_whole(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.commands.lookups._waiting", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("waiting")


def test_ended_it_stops_what_it_started_as_by_ctrl_c(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    stopped: list[str] = []

    def command(_arguments: object) -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            stopped.append("its stack")

    monkeypatch.setattr(cli, "app", command)
    former = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as ended:
            cli.main()
    finally:
        signal.signal(signal.SIGTERM, former)
    assert (ended.value.code, stopped, "Interrupted" in capsys.readouterr().err) == (130, ["its stack"], True)


def test_no_colours_where_there_is_no_terminal(run: Run) -> None:
    assert "\x1b" not in run("status").out + run("decisions").err
