"""How fast clips go through, beside the plain way and the least that is possible."""
