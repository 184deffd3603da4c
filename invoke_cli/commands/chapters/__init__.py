"""The rows of the command table, a file for each chapter."""
