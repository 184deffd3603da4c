"""Sharing the engine of an open session with the one-shot calls of the same user, over a socket of their own.

The caller plans, writes and speaks by itself; what it asks of the session is the engine alone, call by call.
"""
