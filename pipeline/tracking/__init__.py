"""Faces followed from frame to frame: cuts, points that stand still, who is who, and what must be covered."""
