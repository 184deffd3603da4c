"""Pixels and geometry: sizes, masks, tiles, colours and composed images. Knows neither models nor torch."""
