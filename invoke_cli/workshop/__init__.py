"""What a session works with: settings, references, preparing, drawing, saving, remaking. Knows disk; no terminal."""
