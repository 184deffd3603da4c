"""The state of a session: settings, options, paths and stores."""
