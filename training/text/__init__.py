"""The tokenizer and the text encoder of the model, which are trained first and then stay as they are."""
