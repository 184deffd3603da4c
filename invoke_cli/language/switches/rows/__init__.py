"""Rows of the switch table, one module per group."""
