"""People who do not exist: invented names, identity numbers nobody can have, telephones no network gives out."""

from dataclasses import dataclass
from random import Random

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
AREA = "999999"
"""No division of GB/T 2260 begins with 9, and a foreigner's permanent residence number (9, province, nationality)
would name province 99, which there is none: so no office can have issued a number that begins like this."""
PHONE = "100"
"""Mobile numbers of the mainland begin with 13 to 19."""
SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨"
GIVEN = "试测样例虚拟演习假设模仿"
STREETS = ("海潮路", "试验大道", "样板街", "演示巷", "假日路", "虚构里")
ESTATES = ("演示花园", "样例新村", "模拟小区", "练习公寓")
_SPACE = 56 * 12 * 28 * 1000
_STEP = 7_368_787  # shares no factor with _SPACE: neighbours get unlike birthdays, nobody gets a number twice
_PHONE_STEP = 61_803_399  # shares no factor with 10^8


@dataclass(frozen=True, slots=True)
class Person:
    """A buyer or payer."""

    name: str
    id_number: str
    phone: str
    address: str


def person(rng: Random, number: int) -> Person:
    """Person `number`: no two numbers below 18.8 million have the same identity number, none below 100 million the same phone
    (a phone that strangers share by chance counts them as its persons)."""
    return Person(
        rng.choice(SURNAMES) + rng.choice(GIVEN) + rng.choice(GIVEN),
        identity_number(number),
        f"{PHONE}{number * _PHONE_STEP % 10**8:08d}",
        f"示例省虚构市样板区{rng.choice(STREETS)}{rng.randrange(1, 3000)}号{rng.choice(ESTATES)}"
        f"{rng.randrange(1, 40)}幢{rng.randrange(1, 5)}单元{rng.randrange(101, 2900)}室",
    )


def identity_number(number: int) -> str:
    """Eighteen characters with a right check character; born 1950 to 2005."""
    rest, serial = divmod(number * _STEP % _SPACE, 1000)
    rest, day = divmod(rest, 28)
    year, month = divmod(rest, 12)
    return with_check(f"{AREA}{1950 + year}{month + 1:02d}{day + 1:02d}{serial:03d}")


def with_check(body: str) -> str:
    """Seventeen digits with their check character of GB 11643 (ISO 7064, MOD 11-2)."""
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, WEIGHTS, strict=True)) % 11]
