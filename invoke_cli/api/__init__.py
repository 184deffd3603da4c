"""The program as a library: a session that Python code calls, with keyword arguments, results and errors as usual."""
