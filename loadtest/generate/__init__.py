"""Seeded documents whose right answer is known.

The walk: people and firms → a clean trio → a story that damages or repeats it → a chunk of planned documents → a set
of files. Stories know the answer because they are written from docs/decisions.md, not from the code that decides.
"""

from loadtest.generate.answers import Answer, Attempt, Fate
from loadtest.generate.documents import DEFAULT_BASE_MS, Planned, Slice, generate
from loadtest.generate.profiles import Profile, profile, profile_names
from loadtest.generate.sets import GeneratedSet

__all__ = [
    "DEFAULT_BASE_MS",
    "Answer",
    "Attempt",
    "Fate",
    "GeneratedSet",
    "Planned",
    "Profile",
    "Slice",
    "generate",
    "profile",
    "profile_names",
]
