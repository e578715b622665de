"""redecide --json names every manifest that differs, up to a bound, and says where it was cut; people are shown a few."""

from history import redecide
from history.redecide import Differences
from ops.commands.redecide import as_json, orders

KINDS = ("HOLD → RELEASE", "- TAX-02", "tax")


def found(first: int, count: int) -> Differences:
    """So many manifests that were held for a tax that another law levies."""
    named = [("P1", f"O-{n}", 1) for n in range(first, first + count)]
    return Differences(
        manifests=count, outcomes={("HOLD", "RELEASE"): count}, codes={"TAX-02": (count, 0)}, tax_more=count, orders={kind: list(named) for kind in KINDS},
    )


def test_every_one_is_named_with_the_count() -> None:
    both = found(0, 7)
    both.add(found(7, 5))
    said = as_json(both, "v")["orders"]
    for kind in KINDS:
        assert (said[kind]["count"], said[kind]["cut"], len(said[kind]["manifests"])) == (12, False, 12), kind
    assert said["tax"]["manifests"][11] == {"ebp_code": "P1", "order_no": "O-11", "attempt": 1}
    assert orders(both, "tax").count("O-") == 5


def test_what_is_cut_is_said_and_the_count_is_whole() -> None:
    many = found(0, redecide.NAMED)
    many.add(found(redecide.NAMED, 3))
    said = as_json(many, "v")["orders"]["- TAX-02"]
    assert (said["count"], said["cut"], len(said["manifests"])) == (redecide.NAMED + 3, True, redecide.NAMED)
