"""Stories about the class of a firm: the same documents come to another end, more is demanded, less or more is borne."""

from collections.abc import Callable

from loadtest.generate.cases import STORIES, Case, Maker, decided
from loadtest.generate.trio import FEN, Trio

Change = Callable[[Trio], None]


def _told(name: str, change: Change, *codes: str, shop: str = "general", platform: str = "general") -> None:
    """A story of a shop and a platform of these classes."""

    def told(m: Maker) -> list[Case]:
        trio = m.trio(shop=m.market.shop_of(shop, platform))
        change(trio)
        return [m.case(trio, (decided(trio, codes),))]

    STORIES[name] = (1, told)


def _other_phone(t: Trio) -> None:
    t.waybill["consigneeTelephone"] = "10000000000"


def _other_phone_and_address(t: Trio) -> None:
    _other_phone(t)
    t.waybill["consigneeAddress"] += "旁"


def _other_phone_and_currency(t: Trio) -> None:
    _other_phone(t)
    t.payment["currency"] = "502"


def _other_address(t: Trio) -> None:
    t.waybill["consigneeAddress"] += "旁"


def _paid_early(t: Trio) -> None:
    t.payment["payTime"] -= 3_600_000


def _address_and_payer(t: Trio) -> None:
    _other_address(t)
    t.payment["payerName"] = "赵试付"


def _no_batch(t: Trio) -> None:
    t.order["batchNumbers"] = ""


def _no_contents(t: Trio) -> None:
    t.waybill["goodsInfo"] = ""


def _withheld(fen_a_line: int, fen: int = 0) -> Change:
    """So much more than is due."""

    def change(t: Trio) -> None:
        t.order["taxTotal"] += (fen_a_line * len(t.lines) + fen) * FEN
        t.pay()

    return change


_told("trusted_other_phone", _other_phone, "WAY-02", shop="aeo")  # noted, released
_told("trusted_other_phone_and_address", _other_phone_and_address, "WAY-02", "WAY-03", shop="aeo")
_told("trusted_other_phone_and_currency", _other_phone_and_currency, "WAY-02", "CUR-03", shop="aeo")
_told("distrusted_other_address", _other_address, "WAY-03", shop="dishonest")  # to inspection
_told("distrusted_paid_early", _paid_early, "TIM-01", shop="dishonest")  # rejected
_told("distrusted_address_and_payer", _address_and_payer, "WAY-03", "PAY-04", shop="dishonest")
_told("distrusted_without_batch", _no_batch, "CLS-01", shop="dishonest")
_told("distrusted_without_contents", _no_contents, "CLS-02", shop="dishonest")
_told("trusted_without_batch", _no_batch, shop="aeo")
_told("anybody_without_contents", _no_contents)
_told("trusted_platform_rounds", _withheld(2), platform="aeo")
_told("trusted_platform_withholds_more", _withheld(2, 1), "TAX-02", platform="aeo")
_told("distrusted_platform_exact", _withheld(0), platform="dishonest")
_told("distrusted_platform_rounds", _withheld(0, 1), "TAX-02", platform="dishonest")
