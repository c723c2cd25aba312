"""The enhancers that come with Likeness, one file each."""
