"""Help texts, and the tables rendered as help."""
