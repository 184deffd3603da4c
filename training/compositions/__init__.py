"""Compositions: pictures of things put before backgrounds and in places, their captions and their labels."""
