"""The parts of the network by the names of their layers; without torch, so that a log can be read where none is."""

FRONT_END, ENCODER, DECODER = "encoder.front_end.", "encoder.layers.", "decoder.layers."
"""How the names of a part's layers begin."""
PARTS = {"front end": FRONT_END, "encoder": ENCODER, "decoder": DECODER}
"""Part -> how the names of its layers begin. Embeddings, which all texts share, and the segmenter are in none."""
