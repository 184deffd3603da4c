"""The prompt: reading lines while others are being done. Knows prompt_toolkit; nothing of generation."""
