"""Which law a decision was made by: the one place that finds a rule set by its version, or in a folder."""

from pathlib import Path

from schemas import lawbook
from schemas.lawbook import Lawbook


class UnknownRuleSet(RuntimeError):
    """No rule set of this version is at hand."""


def rule_set(version: str, folder: Path | None = None) -> Lawbook:
    """The law book of that version: this installation's, or the one of `folder`. UnknownRuleSet when neither is it."""
    books = [lawbook.load(path) for path in (folder, lawbook.FOLDER) if path is not None]
    for book in books:
        if book.version == version:
            return book
    raise UnknownRuleSet(
        f"rule set {version} is not at hand ({', '.join(book.version for book in books)}): name the folder that holds it with --rules"
    )


def named(rules: str) -> Lawbook:
    """The rule set of a folder, or of a version that is at hand. LawError when the folder's cannot be used."""
    folder = Path(rules)
    return lawbook.load(folder) if folder.is_dir() else rule_set(rules)
