"""What `tidegate explain` says of a decision, and how it shows it."""
