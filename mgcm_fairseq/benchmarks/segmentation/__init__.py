"""What segmentation costs: the encoder's time and memory in training and test, and streaming by second of audio."""
