"""The tokenizer and the text encoder of the model, which are trained before everything else and then stay as they are."""
