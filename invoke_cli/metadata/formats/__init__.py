"""One module for each program's metadata format; `invoke_cli.metadata` holds the table."""
