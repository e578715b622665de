"""Stories with a record that is no document: each becomes a dead letter, and nothing else suffers."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from loadtest.generate.answers import USED
from loadtest.generate.cases import STORIES, Case, Draft, Maker
from schemas.contracts import KINDS, id_of, newest
from schemas.framing import CONFLUENT, SINGLE_OBJECT

Value = Callable[[bytes], bytes]
SWALLOW = {"order": b"\x02", "payment": b"\xa0\x1f", "waybill": b"\xa0\x1f"}


def _poison(code: str, damage: Callable[[Maker, Draft], None]) -> Callable[[Maker], list[Case]]:
    """Half of the time the right document follows and the order is decided; else it stays open."""

    def told(m: Maker) -> list[Case]:
        trio = m.trio()
        mended = m.rng.random() < 0.5
        case = m.case(trio) if mended else m.open_case(trio)
        victim = m.rng.choice(case.drafts)
        if mended:
            case.drafts.append(replace(victim, delay_ms=victim.delay_ms + 1000, fates=(USED,)))
        victim.fates = (code,)
        victim.headers = (("sender", trio.key[0].encode()), ("trace", b"\x00\xff"))
        damage(m, victim)
        return [case]

    return told


def _bytes(name: str, code: str, alter: Value) -> None:
    def damage(_m: Maker, victim: Draft) -> None:
        victim.alter = alter

    STORIES[name] = (1, _poison(code, damage))


def _fields(name: str, code: str, key: Callable[[Draft], bytes | None], **changes: Any) -> None:
    def damage(_m: Maker, victim: Draft) -> None:
        victim.document = {**victim.document, **changes}
        victim.key = key(victim)
        victim.no_key = victim.key is None

    STORIES[name] = (1, _poison(code, damage))


_bytes("value_empty", "DL-01", lambda v: b"")
_bytes("value_json", "DL-01", lambda v: '{"orderNo": "示例"}'.encode())
_bytes("value_noise", "DL-01", lambda v: bytes(255 - b for b in v))
_bytes("value_header_only", "DL-01", lambda v: v[:3])
_bytes("value_cut", "DL-01", lambda v: v[: len(v) * 2 // 3])
_bytes("value_longer", "DL-01", lambda v: v + b"\x00")
_bytes("value_twice", "DL-01", lambda v: v + v[5:])
_bytes("value_not_utf8", "DL-01", lambda v: v.replace("样例".encode(), b"\xe6\xa0\xb7\xff\xbe\x8b", 1))
_bytes("schema_unknown", "DL-02", lambda v: CONFLUENT + (999).to_bytes(4, "big") + v[5:])
_bytes("schema_of_an_output", "DL-02", lambda v: CONFLUENT + id_of("decision-1").to_bytes(4, "big") + v[5:])
_bytes("fingerprint_unknown", "DL-02", lambda v: SINGLE_OBJECT + b"\x01" * 8 + v[5:])
_fields("no_order_number", "DL-03", lambda d: f"{d.document['ebpCode']}|".encode(), orderNo="")
_fields("key_of_another", "DL-04", lambda d: f"{d.document['ebpCode']}|{d.document['orderNo']}0".encode())
_fields("key_in_other_form", "DL-04", lambda d: f"{d.document['ebpCode']}_{d.document['orderNo']}".encode())
_fields("key_missing", "DL-04", lambda d: None)


def _forge(_m: Maker, victim: Draft) -> None:
    # Its last length claims bytes that are not there: in a joined block it would swallow its neighbour.
    ending = SWALLOW[victim.kind]
    if victim.kind != "order":
        victim.document = {**victim.document, "note": ""}
    victim.alter = lambda v: v[:-1] + ending


def _other_kind(_m: Maker, victim: Draft) -> None:
    # A schema that exists, but of another document's topic.
    other = next(kind for kind in KINDS if kind != victim.kind)
    victim.alter = lambda v: CONFLUENT + id_of(newest(other)).to_bytes(4, "big") + v[5:]


def _no_platform(_m: Maker, victim: Draft) -> None:
    # Only a waybill may lack its platform; a waybill victim loses its order number instead.
    lost = "orderNo" if victim.kind == "waybill" else "ebpCode"
    victim.document = {**victim.document, lost: ""}
    victim.key = _key(victim)


def _nul(m: Maker, victim: Draft) -> None:
    # Right UTF-8, but PostgreSQL takes it in no text.
    texts = [name for name, value in victim.document.items() if isinstance(value, str)]
    if victim.kind == "order" and m.rng.random() < 0.3:
        first, *others = victim.document["orderList"]
        victim.document = {**victim.document, "orderList": [{**first, "itemName": "\0"}, *others]}
    else:
        name = m.rng.choice(texts)
        victim.document = {**victim.document, name: f"{victim.document[name]}\0"}
    victim.key = _key(victim)


def _too_long(m: Maker, victim: Draft) -> None:
    # One byte more than may be, or more than an index of PostgreSQL takes.
    victim.document = {**victim.document, m.rng.choice(("ebpCode", "orderNo")): "样" * m.rng.choice((67, 3000))}
    victim.key = _key(victim)


def _ambiguous(_m: Maker, victim: Draft) -> None:
    # The key is that of another platform's order, and so would its decisionId be.
    platform, number = victim.document["ebpCode"], victim.document["orderNo"]
    victim.document = {**victim.document, "ebpCode": f"{platform}|{number[:2]}", "orderNo": number[2:]}
    victim.key = _key(victim)


def _key(victim: Draft) -> bytes:
    return f"{victim.document['ebpCode']}|{victim.document['orderNo']}".encode()


STORIES["text_with_nul"] = (1, _poison("DL-01", _nul))
STORIES["identity_too_long"] = (1, _poison("DL-03", _too_long))
STORIES["identity_of_two"] = (1, _poison("DL-03", _ambiguous))
STORIES["forged_neighbour"] = (1, _poison("DL-01", _forge))
STORIES["schema_of_another_topic"] = (1, _poison("DL-02", _other_kind))
STORIES["no_platform"] = (1, _poison("DL-03", _no_platform))
