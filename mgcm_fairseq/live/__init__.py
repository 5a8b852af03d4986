"""Live translation: a server for a microphone or a recording, and the page that shows what it writes."""
