"""Scores of whole talks, whose translation is cut into the references' sentences first (IWSLT's long form)."""
