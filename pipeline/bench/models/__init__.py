"""How fast networks run in the session manager: what `bench models` measures."""
