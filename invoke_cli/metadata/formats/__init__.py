"""One module per program's metadata format; `invoke_cli.metadata` has the table."""
