"""The switch table, its rows, and the kinds of value that switches take."""
