"""What is measured by: live bytes, operators, their work, and time."""
