"""What can go wrong with the local stack."""


class StackError(RuntimeError):
    """The message says what failed, where to look and what to do."""
