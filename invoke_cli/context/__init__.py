"""What a session knows: its settings, options, paths and stores."""
