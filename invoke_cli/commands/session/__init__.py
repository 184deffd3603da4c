"""Commands on the session: help, defaults, memory, plug-ins."""
