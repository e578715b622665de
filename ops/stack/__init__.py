"""Kafka and PostgreSQL on this machine, project-local, without anything installed."""

from ops.stack.stack import Stack

__all__ = ["Stack"]
