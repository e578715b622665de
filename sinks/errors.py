"""What can go wrong between a worker and PostgreSQL, by what the worker has to do about it."""


class Fenced(RuntimeError):
    """A lane is no longer this worker's, or not where it left it: roll back and exit."""


class Contended(RuntimeError):
    """Another transaction was quicker: repeat the batch from its reads."""


class Unavailable(RuntimeError):
    """PostgreSQL cannot be reached: wait, then go on."""
