"""What each agent computes by length of audio: real-time factor and time of a read."""
