"""Measure how well images match their prompts, with a classifier that is validated first."""
