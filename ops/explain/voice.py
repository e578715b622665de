"""What every part of the page shares: a decision, the language it is told in, and how texts, values and laws are said in it."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from rich.padding import Padding
from rich.text import Text

from ops.commands.show import OUT, plain
from ops.explain.names import called
from ops.explain.values import shown_value

WIDTH = 110  # of running text: longer lines are hard to read


@cache
def texts(lang: str) -> dict[str, str]:
    """The labels of a language: en or zh."""
    return tomllib.loads((Path(__file__).parent / "texts.toml").read_text())[lang]


@cache
def laws_zh() -> dict[str, str]:
    """Law, source or its title → the same in Chinese."""
    return tomllib.loads((Path(__file__).parent / "laws_zh.toml").read_text())


class Voice:
    """One decision in one language."""

    def __init__(self, labels: dict[str, str], lang: str, decision: dict[str, Any]) -> None:
        self.t, self.lang, self.m = labels, lang, decision
        self.comma = "，" if lang == "zh" else ", "

    def _said(self, entry: dict[str, Any], name: str = "") -> str:
        """A text of a rule in the language, such as its meaning or (`todo`) what to do."""
        if not name:
            return entry[self.lang]
        return entry["todo_zh" if self.lang == "zh" and "todo_zh" in entry else "todo"]

    def _listed(self, words: Iterable[str]) -> str:
        return ("；" if self.lang == "zh" else "; ").join(dict.fromkeys(words))

    def _line(self, label: str, text: str, style: str = "bold") -> None:
        line = Text(f"{self.t[label]}{self.t['colon']}", style=style)
        OUT.print(line.append(plain(text), style="not bold"), width=min(OUT.width, WIDTH))

    def _items(self, label: str, items: Sequence[str]) -> None:
        """One behind the label, several each on a line of its own."""
        if len(items) == 1:
            self._line(label, items[0])
            return
        self._line(label, "")
        for item in items:
            OUT.print(Padding(Text(plain(f"· {item}")), (0, 0, 0, 2)), width=min(OUT.width, WIDTH))

    def _in_brackets(self, text: str) -> str:
        return f"（{text}）" if self.lang == "zh" else f" ({text})"

    def _values(self, values: Mapping[str, Any], parameters: Mapping[str, Any] | None = None) -> str:
        """What was read, a line each, and behind it the limits it was held against."""
        against = [f"{self.t['held_against']} {self._value(name, value)}" for name, value in (parameters or {}).items()]
        return "\n".join([*values_told(values, self.t), *against])

    def _value(self, name: str, value: Any) -> str:
        return f"{called(name, self.t)}{self.t['colon']}{shown_value(name, value, self.t)}"

    def _law(self, law: str) -> str:
        """Several titles are said one by one."""
        known = laws_zh() if self.lang == "zh" else {}
        return known[law] if law in known else self._listed(known.get(title, title) for title in law.split("; "))

    def _sources(self, named: Mapping[str, str]) -> str:
        """Titles of sources by their ids."""
        return self._law("; ".join(named.values()))


def values_told(values: Mapping[str, Any], labels: dict[str, str]) -> list[str]:
    """What a rule read, each by its name and in its unit. Of a number that was found to be in use, its `use_no` says nothing of
    who had it before."""
    return [
        f"{called(name, labels)}{labels['colon']}{value if name == 'use_no' and 'held_by' in values else shown_value(name, value, labels)}"
        for name, value in values.items()
    ]
