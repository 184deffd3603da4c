"""Read facts about models from their files, without loading weights."""
