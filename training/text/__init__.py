"""Captions of scenes, the tokenizer and the text encoder, which are trained first and then stay as they are."""
