"""Frame processors: one file each, in a folder per role; the registry that finds them; what they are handed."""
