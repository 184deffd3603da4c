"""What model files say about themselves, read without loading a weight."""
