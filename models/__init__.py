"""Networks and everything that they need: the face interfaces, one file per model family, the error family."""
