"""The output folder: numbers, names, files, logs and history. Knows disk; never torch, never the terminal."""
