"""law: the law data the workers decide by."""

from pathlib import Path
from typing import Annotated

import typer

from ops.commands.show import FAILED, OUT, AsJson, NotFound, print_json, show_list
from schemas import law_check, rule_sets
from schemas.lawbook import FILES, FOLDER, load

app = typer.Typer(help="The law data: what it rests on, and whether it can be used.", no_args_is_help=True)


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="Folder of law data; that of this installation unless given.")] = FOLDER,
    json_: AsJson = False,
) -> None:
    """List what is not sure in the law data, and refuse what cannot be used: file, line and reason.

    Exit code 1 when it is refused, 2 when the folder lacks a file.
    """
    if missing := [name for name in FILES if not (folder / name).is_file()]:
        raise NotFound(f"{folder} has no {', '.join(missing)}")
    problems = rule_sets.problems(folder)
    unsure = [] if problems else law_check.unsure(folder)
    if json_:
        print_json({
            "usable": not problems,
            "problems": [{"file": p.file, "line": p.line, "reason": p.what} for p in problems],
            "unsure": [{"file": p.file, "line": p.line, "what": p.what} for p in unsure],
            **({} if problems else _counts(folder)),
        })  # fmt: skip
    elif problems:
        show_list("Refused", ("file", "line", "reason"), ((p.file, p.line or "-", p.what) for p in problems), "")
    else:
        show_list("Not sure", ("file", "line", "what, from when, source"), ((p.file, p.line, p.what) for p in unsure), "All is sure.")
        c = _counts(folder)
        OUT.print(
            f"Usable: {c['lines']} tariff lines with a source ({c['sure']} of them sure today), {c['synthetic']} synthetic ones; "
            f"version {c['version']}."
        )
    if problems:
        raise typer.Exit(FAILED)


def _counts(folder: Path) -> dict[str, int | str]:
    book = load(folder)
    rows = law_check.read(folder).tariff
    lines = {x["hs8"] for _, x in rows}
    return {
        "lines": len(lines),
        "sure": len({x["hs8"] for _, x in rows if x["sure"] == "true"}),
        "synthetic": book.tariff.lines["hs8"].n_unique() - len(lines),
        "version": book.version,
    }
