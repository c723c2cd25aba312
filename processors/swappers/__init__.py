"""The swappers that come with Likeness, one file each."""
