"""What processors share that run networks: which slots they ask for, which crops, and who a source is."""
