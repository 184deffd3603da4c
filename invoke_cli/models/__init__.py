"""Models as data: the registry, the families, the samplers, and what a folder says. Never torch."""
