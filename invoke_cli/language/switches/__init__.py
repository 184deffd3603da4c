"""The switch table, its rows, and the value types of switches."""
