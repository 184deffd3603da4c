"""Help texts, and help generated from the tables."""
