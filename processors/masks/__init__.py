"""The masks that come with Likeness, one file each."""
