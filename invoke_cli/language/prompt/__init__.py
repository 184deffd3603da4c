"""The prompt language: weights, blends, swaps, alternatives."""
