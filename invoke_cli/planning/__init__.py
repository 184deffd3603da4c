"""Decisions: sparse requests into total plans, and plans into words. Pure functions; no files, no engine."""
