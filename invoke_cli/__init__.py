"""`invoke`: a terminal-first image generator on torch and diffusers."""

__version__ = "0.1.0"
