"""Scenes of shapes, landscapes and fires: as plain data, at random, and drawn."""
