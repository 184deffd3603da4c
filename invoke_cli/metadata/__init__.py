"""Metadata of images: reading those of many programs, and writing our own."""
