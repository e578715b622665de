"""Kafka's jars are resolved once, however many need them at the same time."""

from pathlib import Path
from threading import Barrier, Event, Thread

import pytest

from ops.stack import jars


def test_of_two_that_need_them_at_once_one_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resolved: list[Path] = []
    both, found = Barrier(2, timeout=30), list[str]()

    def resolve(folder: Path) -> list[str]:
        resolved.append(folder)
        (folder / "kafka.jar").touch()
        return [str(folder / "kafka.jar")]

    def say(line: str) -> None:  # each says that it has to resolve before either does
        if line.startswith("Resolving"):
            both.wait()

    def ask() -> None:
        found.append(jars.class_path(tmp_path / "jars", say))

    monkeypatch.setattr(jars, "_resolve", resolve)
    threads = [Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(resolved) == 1
    assert found == [str(tmp_path / "jars" / "kafka.jar")] * 2


def test_they_are_resolved_anew_when_one_has_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jar = tmp_path / "kafka.jar"
    monkeypatch.setattr(jars, "_resolve", lambda _: [str(jar)])
    said: list[str] = []
    jars.class_path(tmp_path, said.append)
    jar.touch()
    jars.class_path(tmp_path, said.append)
    assert len(said) == 1
    jar.unlink()
    jars.class_path(tmp_path, said.append)
    assert len(said) == 2


def test_it_says_how_much_has_arrived_while_they_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half, whole, said = Event(), Event(), list[str]()

    def say(line: str) -> None:
        said.append(line)
        for event, so_far in ((half, f"  1 of about {jars.FILES} files, 2.5 of"), (whole, f"  2 of about {jars.FILES} files, 5.0 of")):
            if line.startswith(so_far):
                event.set()

    def resolve(folder: Path) -> list[str]:  # goes on when somebody was told what it has got
        for name, event in (("kafka.jar", half), ("scala.jar", whole)):
            place = folder / "repository" / name.removesuffix(".jar")
            place.mkdir(parents=True)
            (place / name).write_bytes(bytes(2_500_000))
            assert event.wait(30), said
        return [str(path) for path in (folder / "repository").rglob("*.jar")]

    monkeypatch.setattr(jars, "TELL_SECONDS", 0.01)
    monkeypatch.setattr(jars, "_resolve", resolve)
    jars.class_path(tmp_path, say)
    assert whole.is_set()
