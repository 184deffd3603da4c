"""Several engines at once: local processes or the actors of a cluster, behind the one `Engine` protocol."""
