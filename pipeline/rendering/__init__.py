"""A clip rendered in parts: the plan, the ledger of finished parts, the walk through one part, and the joining."""
