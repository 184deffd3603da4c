"""Where the embedded model comes from: it draws the pictures, writes the captions, trains the networks, exports them.

Nothing else in the program imports this package; `python -m training --help` is its door.
"""
