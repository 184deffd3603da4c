"""Models as data: the registry, families, samplers, and facts read from model files. Never imports torch."""
