"""Clips in and out: what a file holds, its frames as the decoder made them, and the way back into a file."""
