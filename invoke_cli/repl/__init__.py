"""The interactive prompt: reads lines while earlier ones run. Uses prompt_toolkit; knows nothing of generation."""
