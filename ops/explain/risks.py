"""Signs of risk that were seen, whether they reached a band or not, and what their points come to."""

from collections.abc import Iterable, Mapping
from typing import Any

from schemas.lawbook import Lawbook


def risk(signs: Iterable[Mapping[str, Any]], book: Lawbook, day: Any) -> dict[str, Any]:
    """`signs` as given (entries of indicators that were true), and of each typology its `score`, the `bands` that the day knows
    (at_least and code, the lowest first) and which one is `reached`, None without any."""
    signs = list(signs)
    names = {x["name"]: x for x in book.risk.entries["typology"]}
    found: list[dict[str, Any]] = []
    for typology in book.on(day).typologies:
        score = sum(x["points"].get(typology.name, 0) for x in signs)
        texts = {lang: names[typology.name][lang] for lang in ("en", "zh")}
        found.append({
            "name": typology.name, **texts, "score": score,
            "bands": [{"at_least": least, "code": code} for least, code in reversed(typology.bands)],
            "reached": next((code for least, code in typology.bands if score >= least), None),
        })  # fmt: skip
    return {"signs": signs, "typologies": found}
