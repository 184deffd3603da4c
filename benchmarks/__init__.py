"""Benchmarks, as ratios of two contestants in one run; see docs/performance.md."""
