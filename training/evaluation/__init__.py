"""How well the model draws what it is asked for, judged by an eye that is itself examined first."""
