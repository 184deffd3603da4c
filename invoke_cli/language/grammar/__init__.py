"""The grammar of a line: tokens, parsing, formatting and related text formats."""
