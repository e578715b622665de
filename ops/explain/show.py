"""A decision as a page for people who have never seen the system, in English or Chinese."""

from typing import Any

from rich.markup import escape
from rich.text import Text

from ops.commands.show import OUT, plain, table
from ops.explain.amounts import Amounts
from ops.explain.found import NOTED, Found
from ops.explain.values import beijing
from ops.explain.voice import texts

INSPECTION = "inspection"
COLOUR = {"RELEASE": "green", "HOLD": "yellow", "REJECT": "red"}


def show(found: dict[str, Any], lang: str, every: bool) -> None:
    """Print every explained manifest; `every`: also what each rule read that found nothing."""
    if (platforms := len({m["ebp_code"] for m in found["manifests"]})) > 1:
        OUT.print(texts(lang)["several"].format(n=platforms))
    for m in found["manifests"]:
        _Page(texts(lang), lang, m).print(every, found)


class _Page(Found, Amounts):
    """One decision in one language."""

    def print(self, every: bool, found: dict[str, Any]) -> None:
        """The whole page, the answer first."""
        self._answer()
        self._agreement()
        self._findings(every)
        self._risk(every)
        self._passed(every)
        self._tax()
        self._ledgers()
        self._documents(found["documents"])
        self._made_by()

    def _answer(self) -> None:
        t, m = self.t, self.m
        wait = f"{self.comma}{t['queue_' + m['queue']]}" if m["queue"] else ""
        OUT.print()
        OUT.rule(style="dim")
        number = escape(plain(m["order_no"]))
        OUT.print(self.comma.join((f"{t['order_number']} [bold]{number}[/]", f"{t['platform']} {escape(plain(m['ebp_code']))}", t["attempt"].format(n=m["attempt"]))))
        means = t.get(f"status_{m['return_status']}", "")
        status = self._in_brackets(f"{t['return_status']} {m['return_status']} {means}".rstrip())
        OUT.print(f"[bold {COLOUR[m['outcome']]}]{t[m['outcome']]}[/][bold]{wait}[/]{status}")
        for r in m["revisions"]:
            when, decision = beijing(r["revised_at"]), r["decision_id"].hex()
            OUT.print(t["revised"].format(outcome=t[r["outcome"]], time=when, n=r["revision"], decision=decision), style=COLOUR[r["outcome"]])
        self._items("why", self._why())
        self._items("what_to_do", self._to_do())
        if m["followed"]:
            OUT.print(t["next_attempt"].format(next=m["attempt"] + 1))

    def _why(self) -> list[str]:
        """What decided; a finding that is only noted, and a sign of risk below every band, did not."""
        t, m = self.t, self.m
        firm = t[f"class_{m['classes']['ecommerce']}"]
        coded = {f["code"]: f"{self._said(f)}{self._in_brackets(f['code'])}" for f in m["findings"]}
        coded |= {f["code"]: f"{coded[f['code']]}{self.comma}{t['by_class'].format(firm=firm)}" for f in m["findings"] if _harsher(f)}
        deciding = [coded[f["code"]] for f in m["findings"] if f["outcome"] == m["outcome"] != NOTED]
        held = [coded[f["code"]] for f in m["findings"] if f["outcome"] not in (m["outcome"], NOTED)]
        noted = [coded[f["code"]] for f in m["findings"] if f["outcome"] == NOTED]
        below = [f"{self._said(x)}{self._in_brackets(x['code'])}" for x in m["risk"]["signs"]]
        besides = [(held, "also_held"), (noted, "also_noted")]
        if m["outcome"] == NOTED:
            deciding = [t["why_but" if noted or below else "why_RELEASE"].format(checks=len(m["passed"]))]
            besides.append((below, "also_seen"))
        return [*deciding, *(t[name].format(texts=self._listed(said), firm=firm) for said, name in besides if said)]

    def _to_do(self) -> list[str]:
        m = self.m
        if m["revisions"]:
            return [self.t[f"to_do_revised_{m['revisions'][-1]['outcome']}"]]
        deciding = [f for f in m["findings"] if f["outcome"] == m["outcome"] != NOTED]
        todos = [self._said(f, "todo") for f in deciding if not _harsher(f)]  # what the rule says to do is said of its own outcome
        if m["queue"] == INSPECTION and len(todos) < len(deciding):
            todos.insert(0, self.t["todo_inspection"])
        if m["at_fault"]:
            joined = self.t["and"].join(self.t[kind] for kind in m["at_fault"])
            todos.append(self.t["at_fault"].format(kinds=joined))
        return list(dict.fromkeys(todos)) or [self.t["nothing_to_do"]]

    def _agreement(self) -> None:
        t, found = self.t, self.m["differences"]
        if not found:
            OUT.print(f"[dim]{t['agree']}[/]")
            return
        OUT.print(f"[bold white on red] {t['disagree']} [/]")
        OUT.print(table("", (t["what"], t["stored"], t["recomputed"]), ((d["what"], d["stored"], d["recomputed"]) for d in found)))

    def _documents(self, every: list[dict[str, Any]]) -> None:
        t, m, used = self.t, self.m, self.m["documents"]
        rows = ((t[d["kind"]], f"{d['topic']}[{d['partition']}]@{d['offset']}", beijing(d["log_time"])) for d in used)
        OUT.print(table(f"\n{t['documents']}", (t["document"], t["place"], t["time"]), rows))
        if others := [d for d in every if m["attempt"] not in d["used_by"]]:
            rows = ((t[d["kind"]], f"{d['topic']}[{d['partition']}]@{d['offset']}", beijing(d["log_time"]), self._became(d)) for d in others)
            OUT.print(table(f"\n{t['others']}", (t["document"], t["place"], t["time"], t["fate"]), rows))

    def _became(self, document: dict[str, Any]) -> str:
        """What became of a document that this decision did not use."""
        if document["used_by"]:
            return self.t["used_elsewhere"].format(n=", ".join(map(str, document["used_by"])))
        return f"{self.t['fate_' + document['fate']]}{self._in_brackets(document['code'])}" if document["fate"] else self.t["waits"]

    def _made_by(self) -> None:
        t, m = self.t, self.m
        OUT.print()
        named = {name: m[f"{name}_code"] or t["none"] for name in ("guarantor", "declarant", "warehouse", "customs")}
        OUT.print(Text(plain(t["behind"].format(**named, mode=m["trade_mode"] or t["none"])), style="dim"))
        OUT.print(Text(t["made_by"].format(
            time=beijing(m["accepted_at"]), rule_set=m["rule_set"], registry=m["registry_version"], batch=m["batch_seq"],
            lane=m["lane"], decision=m["decision_id"].hex(),
        ), style="dim"))  # fmt: skip


def _harsher(finding: dict[str, Any]) -> bool:
    """Whether the class of the firm has made another outcome or queue of a finding, which decides for that."""
    return finding["by_class"] and finding["outcome"] != NOTED
