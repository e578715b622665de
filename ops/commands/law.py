"""law: the law data the workers decide by."""

import tomllib
from pathlib import Path
from typing import Annotated

import typer

from ops.commands.show import FAILED, OUT, AsJson, NotFound, print_json, show_list
from schemas import law_check, lawbook
from schemas.lawbook import FOLDER, LawError, load

app = typer.Typer(help="The law data: what it rests on, and whether it can be used.", no_args_is_help=True)
FILES = (*lawbook.FILES, "sources.toml")


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
    problems = _problems(folder)
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


def _problems(folder: Path) -> list[law_check.Place]:
    """What is wrong in the data; if nothing is, what is wrong in the rules."""
    for name in FILES:
        if name.endswith(".toml"):
            try:
                tomllib.loads((folder / name).read_text())
            except tomllib.TOMLDecodeError as e:
                return [law_check.Place(name, 0, str(e))]  # the reason tells the line
    if found := law_check.problems(folder):
        return found
    book = load(folder)
    try:
        for day in book.days():
            book.on(day)
    except LawError as e:
        code = f'code = "{str(e).partition(":")[0]}"'
        lines = (folder / "rules.toml").read_text().splitlines()
        return [law_check.Place("rules.toml", lines.index(code) + 1 if code in lines else 0, str(e))]
    return []


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
