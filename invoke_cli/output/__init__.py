"""The output folder: numbers, file names, files, logs and history. Never imports torch and never prints."""
