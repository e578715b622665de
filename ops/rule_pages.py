"""Writes docs/rules.md and the table of codes in docs/platforms.md from schemas/law: `python -m ops.rule_pages`."""

import tomllib
from pathlib import Path
from typing import Any

from ops.rule_severity import MEANINGS, by_class, severity

ROOT = Path(__file__).parent.parent
LAW = ROOT / "schemas" / "law"
DOCS = ROOT / "docs"
BEGIN = "<!-- codes: written by python -m ops.rule_pages -->"
END = "<!-- end of codes -->"
SECTIONS = (
    ("rule", "Rules", "Checked on every manifest. A condition that is true makes the finding."),
    ("band", "Risk", "What the indicators of a manifest come to: points by typology, and the bands they reach."),
    ("ledger", "Ledgers", "Checked against what other manifests have taken (decisions.md, section 6)."),
    ("engine", "Engine", "Findings about the decision itself."),
    ("document", "Documents", "What became of a document that was not used, or of an order that stays open."),
    ("dead_letter", "Dead letters", "Records that are not taken as documents; they go to `cbec.dead-letter`."),
)
UNDATED = "always (not dated)"  # what the law data have no date for
Entry = dict[str, Any]


def read(name: str) -> dict[str, Any]:
    """A TOML file of schemas/law."""
    return tomllib.loads((LAW / name).read_text())


def cell(text: str) -> str:
    """Text that neither ends a table cell nor is taken for HTML."""
    return text.replace("<", "&lt;").replace(">", "&gt;").replace("|", "\\|")


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def facts(kind: str, entry: Entry) -> list[tuple[str, str]]:
    """Name and value of each line of an entry, in the order of the page."""
    found = [("Severity", severity(entry)), ("Scope", entry.get("scope", kind.replace("_", " ")))]
    if "outcome" in entry:
        found.append(("Outcome", entry["outcome"]))
    if "queue" in entry:
        found.append(("Queue", entry["queue"]))
    if "blames" in entry:
        found.append(("Blames", ", ".join(entry["blames"])))
    if "status" in entry:
        found.append(("Return status of the receipt", entry["status"]))
    found += [("What to do", entry["todo"]), ("Law or source", entry["law"]), ("Since", since(entry))]
    return found


def since(entry: Entry) -> str:
    """From which acceptance date on a code is in force."""
    return str(entry.get("since", entry.get("from", UNDATED)))


def overview(rules: dict[str, Any], classes: dict[str, list[Entry]]) -> list[str]:
    """What the words of severity mean, and every code in a line."""
    found = ["## Every code\n", "`severity` is one word for what a code does:\n", table(("severity", "meaning"), list(MEANINGS.items()))]
    found.append("In brackets: where the class of the e-commerce firm makes another of it. The law of an indicator is its source in `sources.toml`.\n")
    kinds = [kind for kind, _title, _text in SECTIONS]
    kinds.insert(kinds.index("band"), "indicator")
    rows = [
        (x["code"], x["en"], x.get("law", x.get("source", "")), since(x), severity(x) + by_class(x["code"], classes["outcome"]),
         x.get("outcome", x.get("status", "-")))
        for kind in kinds for x in rules[kind]
    ]  # fmt: skip
    found.append(table(("code", "rule", "law or source", "since", "severity", "outcome or return status"), rows))
    return found


def section(kind: str, entry: Entry) -> str:
    """One code of docs/rules.md."""
    lines = [f"### {entry['code']}", "", f"{cell(entry['en'])}; {cell(entry['zh'])}", ""]
    lines += [f"- {name}: {cell(value)}" for name, value in facts(kind, entry)]
    if "when" in entry:
        lines += ["- Condition:", "", "```sql", entry["when"].strip(), "```"]
    return "\n".join(lines) + "\n"


def rules_page(rules: dict[str, Any], limits: list[Entry], caps: list[Entry], classes: dict[str, list[Entry]]) -> str:
    """The whole of docs/rules.md."""
    parts = [
        "# Rules and codes\n",
        "Written from `schemas/law` by `python -m ops.rule_pages`; a test compares them. Conditions are SQL over the\n"
        "columns that [decisions.md](decisions.md), section 5, defines: `_e5` columns are integers in 10⁻⁵ units, `_fen`\n"
        "columns are fen. A name in braces is a limit from the table at the end. Codes are never renumbered.\n",
    ]
    parts += overview(rules, classes)
    for kind, title, text in SECTIONS:
        parts += [f"## {title}\n", f"{text}\n"]
        parts += [section(kind, entry) for entry in rules[kind]]
    parts += ["## Limits\n", "The latest `from` that is not after the acceptance date is in force.\n"]
    parts.append(
        table(
            ("name", "value", "from", "source", "sure"),
            [(x["name"], str(x["value"]), str(x["from"]), x["source"], sure(x)) for x in limits],
        )
    )
    parts += ["## Yearly weights\n", "Of a group of goods, a person and calendar year; HS8 codes by prefix, sources in `sources.toml`.\n"]
    parts.append(
        table(
            ("group", "HS8", "cap in mg", "from", "to", "source", "sure"),
            [(x["group"], " ".join(x["hs8"]), str(x["cap_mg"]), str(x["from"]), str(x["to"]), x["source"], sure(x)) for x in caps],
        )
    )
    parts += indicator_tables(rules) + class_tables(classes) + sample_tables(read("samples.toml"))
    return "\n".join(parts)


def indicator_tables(rules: dict[str, Any]) -> list[str]:
    """What gives points to which typology."""
    found = ["## Indicators of risk\n", "A condition that is true gives points to typologies; from how many on a band is reached is said last.\n"]
    rows = [
        (x["code"], x["en"], x["zh"], x["when"], ", ".join(f"{n} {p}" for n, p in x["points"].items()), since(x), x["source"], sure(x))
        for x in rules["indicator"]
    ]
    found.append(table(("code", "meaning", "中文", "condition", "points", "since", "source", "sure"), rows))
    bands = [(x["code"], x["typology"], str(x["at_least"]), x["queue"]) for x in rules["band"]]
    found.append(table(("code", "typology", "from", "queue"), bands))
    return found


def sample_tables(samples: dict[str, list[Entry]]) -> list[str]:
    """How much is drawn of what."""
    found = ["## Samples\n", "Of a million manifests that would be released, so many are drawn for review and for inspection.\n"]
    names = ("review_1e6", "inspection_1e6")
    rows = [
        (x["class"], x["category"], *(str(x[mode][name]) for mode in ("bonded", "direct") for name in names), str(x["from"]), x["source"], sure(x))
        for x in samples["rate"]
    ]
    head = ("class", "category", "bonded: review", "inspection", "direct: review", "inspection", "from", "source", "sure")
    found.append(table(head, rows))
    found.append(table(("category", "chapters"), [(x["name"], " ".join(x["chapters"]) or "all others") for x in samples["category"]]))
    return found


def class_tables(classes: dict[str, list[Entry]]) -> list[str]:
    """What differs by the class of an enterprise."""
    found = ["## Classes of enterprises\n", "What a finding does, and a limit, for firms of a class (decisions.md, section 12).\n"]
    for kind, names in (
        ("outcome", ("code", "class", "outcome", "queue")),
        ("tolerance", ("name", "of", "class", "value")),
        ("treatment", ("class", "kind", "en", "zh")),
    ):
        rows = [(*(str(x.get(name, "")) for name in (*names, "from", "to", "source")), sure(x)) for x in classes[kind]]
        found.append(table((*names, "from", "to", "source", "sure"), rows))
    return found


def sure(entry: Entry) -> str:
    """Whether an entry is sure, as the pages say it."""
    return "yes" if entry["sure"] else "no"


def codes(rules: dict[str, Any]) -> str:
    """The tables of codes in docs/platforms.md, one a section."""
    parts: list[str] = []
    for kind, title, _text in SECTIONS:
        if kind == "dead_letter":
            rows = [(e["code"], e["en"], e["zh"], e["todo"], e["todo_zh"]) for e in rules[kind]]
            head = ("code", "meaning", "中文", "what to do", "如何处理")
        elif kind == "document":
            rows = [(e["code"], e["status"], e["en"], e["zh"], e["todo"], e["todo_zh"]) for e in rules[kind]]
            head = ("code", "return status", "meaning", "中文", "what to do", "如何处理")
        else:
            rows = [(e["code"], e["outcome"], ", ".join(e["blames"]), e["en"], e["zh"], e["todo"], e["todo_zh"]) for e in rules[kind]]
            head = ("code", "outcome", "blames", "meaning", "中文", "what to do", "如何处理")
        parts.append(f"### {title}\n\n{table(head, rows)}")
    return "\n".join(parts)


def with_codes(page: str, text: str) -> str:
    """The page with `text` as its codes; ValueError as `between`."""
    return between(page, BEGIN, END, text)


def between(page: str, begin: str, end: str, text: str) -> str:
    """The page with `text` between two markers; ValueError when they are not there."""
    before, found, rest = page.partition(begin)
    _old, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise ValueError(f"the page lacks its markers {begin} and {end}")
    return f"{before}{begin}\n\n{text}\n{end}{after}"


def pages() -> dict[Path, str]:
    """Path → what has to stand there."""
    rules, limits, caps = read("rules.toml") | read("risk.toml"), read("limits.toml")["limit"], read("weights.toml")["cap"]
    platforms = DOCS / "platforms.md"
    return {
        DOCS / "rules.md": rules_page(rules, limits, caps, read("classes.toml")),
        platforms: with_codes(platforms.read_text(), codes(rules)),
    }


def main() -> None:
    """Write both pages."""
    for path, text in pages().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
