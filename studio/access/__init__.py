"""Who may come in, as what, and what they did: credentials, roles, and the gate in front of every route."""
