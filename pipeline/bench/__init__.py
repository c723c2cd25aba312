"""Measurements of the studio on this machine, by the same formulas as `measure`."""
