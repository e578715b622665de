"""How a run on a stack of its own ends that does not come to its end."""


class RunFailed(RuntimeError):
    """The message says where it stands, and which log to read."""
