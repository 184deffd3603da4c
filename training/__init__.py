"""The training of the embedded model: renders images, writes captions, trains the networks and exports them.

No other package imports this one. Run it with `python -m training --help`.
"""
