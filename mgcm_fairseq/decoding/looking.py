"""Which of the decoder's layers shows where a piece comes from."""


def default_attention_layer(layers: int) -> int:
    """The one at two thirds, counted from 0: the fourth of six as in Papi et al. 2023, arXiv 2212.07850."""
    return -(-2 * layers // 3) - 1
