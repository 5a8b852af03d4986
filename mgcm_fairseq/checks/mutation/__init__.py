"""Changes one thing in core/ and modules/ at a time, and counts the changes that the nearest tests do not notice."""
