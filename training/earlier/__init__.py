"""The recipe of the model that was bundled first, which learned from rendered scenes alone."""
