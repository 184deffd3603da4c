"""Load models from folders and single files, convert them, and keep them in memory."""
