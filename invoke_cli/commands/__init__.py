"""The `!` commands. Rows of a table; a handler gets the workshop and what was typed, and may give back lines to do."""
