"""The language: text to data and back, with the standard library alone. Knows neither models nor files."""
