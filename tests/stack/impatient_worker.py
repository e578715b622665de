"""A real worker process whose watchdogs have little patience."""

from agents import worker

if __name__ == "__main__":
    worker.STUCK_SECONDS = worker.MOVING_SECONDS = 4.0
    worker.main()
