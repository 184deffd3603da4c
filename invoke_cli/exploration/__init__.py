"""Many images of one line: sweeps and their exports, and lines that follow a file's changes."""
