"""The frames that come with Likeness, one file each."""
