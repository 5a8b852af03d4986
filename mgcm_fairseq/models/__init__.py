"""fairseq models: configuration, construction and the interface that training and generation expect."""
