"""What things cost: conflict handling, segmentation, agents, and training on many GPUs."""
