"""Whether a whole rule set can be used: every file, every day, every condition (docs/decisions.md section 10)."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from schemas import law_check, lawbook
from schemas.law_check import LawError
from schemas.law_entries import Place
from schemas.lawbook import FILES, Lawbook

CONDITIONS = ("rules.toml", "risk.toml")
LINE = re.compile(r"at line (\d+)")


def problems(folder: Path) -> list[Place]:
    """Why the folder is no rule set that can be used; empty when it is."""
    if found := [*_ill_formed(folder)]:
        return found
    try:
        if found := law_check.problems(folder):
            return found
        return list(uncompiled(lawbook.read(folder), texts_of(folder)))
    except Exception as e:  # what the checks did not think of is no law either
        return [Place("", 0, misshapen(e))]


def _ill_formed(folder: Path) -> Iterator[Place]:
    """Files that are missing or no TOML."""
    for name in FILES:
        path = folder / name
        if not path.is_file():
            yield Place(name, 0, "the file is missing")
            continue
        try:
            text = path.read_text()
            if name.endswith(".toml"):
                tomllib.loads(text)
        except UnicodeDecodeError:
            yield Place(name, 0, "the file is no text in UTF-8")
        except tomllib.TOMLDecodeError as e:
            yield Place(name, int(at[1]) if (at := LINE.search(str(e))) else 0, str(e))


def texts_of(folder: Path) -> dict[str, str]:
    """The files of a folder that hold conditions."""
    return {name: (folder / name).read_text() for name in CONDITIONS}


def place(code: str, why: str, texts: Mapping[str, str]) -> Place:
    """Where a code stands in the files by name; the first file, line 0, when it is in none."""
    wanted = f'code = "{code}"'
    at = ((name, n) for name, text in texts.items() for n, line in enumerate(text.splitlines(), start=1) if line == wanted)
    return Place(*next(at, (CONDITIONS[0], 0)), why)


def uncompiled(book: Lawbook, texts: Mapping[str, str]) -> Iterator[Place]:
    """What keeps a book from having a law on each of its days; `texts`: texts_of its folder."""
    for day in book.days():
        try:
            book.on(day)
        except LawError as e:
            yield place(str(e).partition(":")[0], str(e), texts)
            return
        except KeyError as e:
            yield Place("limits.toml", 0, f"{e} is not in force on {day}, the program needs it")
            return


def usable(content: bytes) -> Lawbook:
    """The book of a packed rule set; LawError with every reason when it cannot be used."""
    try:
        book = lawbook.of_content(content)
        found = list(uncompiled(book, {}))
    except LawError:
        raise
    except Exception as e:  # what the checks did not think of must not end whoever reads it
        raise LawError(misshapen(e)) from e
    if found:
        raise LawError("; ".join(map(str, found)))
    return book


def misshapen(error: Exception) -> str:
    """What to say of data that led the checks themselves to an error."""
    return f"something in it has not the shape it should have ({type(error).__name__}: {error})"
