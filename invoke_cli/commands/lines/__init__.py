"""Commands that run or edit lines."""
