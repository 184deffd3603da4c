"""The language: converts text to data and back with the standard library alone. Knows no models and no files."""
