"""One file per model family: pixels to tensors and back."""
