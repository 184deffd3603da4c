"""Planning: convert sparse requests to complete plans, and describe plans. Pure functions; no files, no engine."""
