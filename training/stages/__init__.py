"""The stages of the training: their table, their views, the loop that resumes."""
