"""The switch table's rows, a file for each group."""
