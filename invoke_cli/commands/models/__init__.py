"""Commands on models and their entries in models.yaml."""
