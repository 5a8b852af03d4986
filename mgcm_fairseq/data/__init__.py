"""Corpora, manifests, vocabulary and datasets: everything between files on disk and a batch of tensors."""
