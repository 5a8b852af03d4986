"""Mathematics of the project in pure PyTorch: imports neither fairseq nor any other part of this package."""
