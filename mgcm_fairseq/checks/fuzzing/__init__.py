"""Fuzzing: spoilt files and options go to every reader, which must take them whole or refuse them with a reason."""
