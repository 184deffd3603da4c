"""Tests on a simulated accelerator, which computes on the processor and behaves as a GPU does."""
