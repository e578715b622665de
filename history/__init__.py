"""What was decided, read back: to explain one decision, to keep all of them in columns, to judge them again.

Nothing here is on the way of a batch: it reads what batches committed.
"""
