"""Many images from one line: sweeps with their exports, and runs after each change of a file."""
