"""Print events to a terminal, a pipe or as JSON. The only package that prints."""
