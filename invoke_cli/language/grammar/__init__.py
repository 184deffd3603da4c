"""The line: tokens, parsing, formatting and their relatives."""
