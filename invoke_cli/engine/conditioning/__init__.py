"""Prompts as embeddings, and the adapters that change them: LoRAs and textual inversion."""
