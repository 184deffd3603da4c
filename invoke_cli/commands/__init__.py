"""The `!` commands: rows of a table. A handler gets the session context and the call, and may return lines to run."""
