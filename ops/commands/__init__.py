"""The commands of `tidegate`, a file a subject."""
