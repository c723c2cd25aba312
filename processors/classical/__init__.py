"""The classical face swap in parts: pose, geometry, warp, skin, light, colour. No networks."""

MARGIN = 0.95
"""How far native crops reach beyond the 68 points, in eye distances: the forehead ends .65 above the brows, and the
seam is matched to what lies round it."""
