"""What `make mutate` changes, and that its list of equivalents is about mutants that there are."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.mutation.__main__ import ROOT, equivalents
from tests.mutation.mutants import Found, every, of_code, of_condition, of_tariff, of_toml


def changes(source: str, of: Callable[[str], Found]) -> list[str]:
    """Each mutant of a source, whole."""
    return [source[:start] + text + source[end:] for start, end, text in sorted(of(source))]


@pytest.mark.parametrize(
    ("source", "mutants"),
    [
        ("a = b < 1", ["a = b <= 1", "a = b < 2"]),
        ("(x) == y", ["(x) != y"]),
        ("a is not None", ["a is None"]),
        ("if not a or b in c: pass", ["if a or b in c: pass", "if not a and b in c: pass", "if not a or b not in c: pass"]),
        ("p = '样' + q", ["p = '样~' + q", "p = '样' - q"]),
        ("x = ~y & True", ["x = y & True", "x = ~y | True", "x = ~y & False"]),
        ('def f(a: "int") -> "int":\n    """said"""\n    return -a', ['def f(a: "int") -> "int":\n    """said"""\n    return a']),
        ('Outcome = Literal["HOLD"]', []),
        ("assert a > 0, 'said'", ["assert a >= 0, 'said'", "assert a > 1, 'said'"]),
        ("f'{a + 1}b'", ["f'{a - 1}b'", "f'{a + 2}b'"]),
    ],
)
def test_code(source: str, mutants: list[str]) -> None:
    assert changes(source, of_code) == mutants


@pytest.mark.parametrize(
    ("source", "mutants"),
    [
        ("a <> 1 OR b >= c", ["a = 1 OR b >= c", "a <> 2 OR b >= c", "a <> 1 AND b >= c", "a <> 1 OR b > c"]),
        ("a NOT BETWEEN 1 AND {b} + c", ["a BETWEEN 1 AND {b} + c", "a NOT BETWEEN 2 AND {b} + c", "a NOT BETWEEN 1 AND {b} - c"]),
        ("NOT a AND b NOT IN ('1')", ["NOT NOT a AND b NOT IN ('1')", "NOT a OR b NOT IN ('1')", "NOT a AND b IN ('1')", "NOT a AND b NOT IN ('1~')"]),
    ],
)
def test_conditions(source: str, mutants: list[str]) -> None:
    assert changes(source, lambda text: of_condition(text, 0)) == mutants


def test_law_data() -> None:
    assert changes('value = 7\nfrom = 2019-12-31\nen = "said 3"  # 4\n', of_toml) == [
        'value = 6\nfrom = 2019-12-31\nen = "said 3"  # 4\n',
        'value = 8\nfrom = 2019-12-31\nen = "said 3"  # 4\n',
        'value = 7\nfrom = 2020-01-01\nen = "said 3"  # 4\n',
    ]
    assert len(changes('outcome = "HOLD"\nblames = ["order", "payment"]\n', of_toml)) == 3
    header = "hs8,name,tariff_1e4,provisional_1e4,vat_1e4,consumption,from,to,source,sure\n"
    rows = '04090000,"honey, 9",1500,,900,none,2019-04-01,9999-12-31,recalled,false\n22041000,w,0,,900,wine,2019-04-01,9999-12-31,x,true\n'
    mutated = changes(header + rows, of_tariff)
    assert [m for m in mutated if ",wine,2019-04-01,9999-12-31,recalled" in m and '"honey, 9",1500,,900' in m]
    assert len(mutated) == len(set(mutated)) == 9 + 8  # a rate of 0 cannot be less


def test_mutants_are_told_apart_and_every_listed_one_is_there() -> None:
    mutants = every(ROOT)
    assert [key for key, count in Counter(m.key for m in mutants).items() if count > 1] == []
    listed = equivalents()
    assert set(listed) - {m.key for m in mutants} == set(), "no mutant any more: take it off the list"
    assert all(listed.values())
    files = {Path(m.file).parts[0] for m in mutants}
    assert files == {"pipeline", "schemas"} and len({m.file for m in mutants}) >= 20


@pytest.mark.parametrize("kind", ["law", "code"])
def test_a_server_can_be_forked(kind: str) -> None:
    """No import reads the law or starts polars' threads: a server that finds either so ends with an error."""
    ended = subprocess.run([sys.executable, "-m", "tests.mutation.server", kind], cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
