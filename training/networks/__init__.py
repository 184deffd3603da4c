"""The networks, their optimizers, and the loop that trains one of them."""
