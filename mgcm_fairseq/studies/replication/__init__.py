"""Does MGCM help (arXiv 2409.15911)? What a study of it found, as tables and figures beside the paper's."""
