"""Events as the user sees them: on a terminal, on a pipe, or as JSON. The only package that prints."""
