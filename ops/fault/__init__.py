"""The fault run: a stack of its own under load, faults one after the other, recovery measured, the result verified."""

from ops.fault.plan import Plan
from ops.fault.run import Outcome, run

__all__ = ["Outcome", "Plan", "run"]
