"""The blenders that come with Likeness, one file each."""
