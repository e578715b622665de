"""The independent verifier: proves from topics and tables alone that every decision, amount and message is right.

It shares with the pipeline the contracts (schemas/) and docs/decisions.md, and no code: loadtest/verify decodes,
evaluates, taxes and replays by its own. Where they disagree, one of them is wrong.
"""

from loadtest.verify.answers import KnownAnswers
from loadtest.verify.apart import verify_apart
from loadtest.verify.evidence import Evidence
from loadtest.verify.proof import Discrepancy, Proof
from loadtest.verify.proving import prove
from loadtest.verify.verifying import verify

__all__ = ["Discrepancy", "Evidence", "KnownAnswers", "Proof", "prove", "verify", "verify_apart"]
