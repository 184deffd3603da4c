"""Completion at the prompt and in shells."""
