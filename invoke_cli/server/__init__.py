"""Share the engine of a running session with one-shot calls of the same user, over a Unix socket.

The client plans, writes and prints by itself; it uses only the session's engine, one call at a time.
"""
