"""A speech corpus that anyone can make: text from a built-in grammar or from files, spoken by espeak-ng."""
