"""Processors that change what a face does, or how old it is."""
