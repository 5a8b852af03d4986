"""The words of a talk's translation beside those of its references: OmniSTEval's SoftSegmenter, for one talk.

A file of its own, so that a process that aligns imports little.
"""

from omnisteval import Word
from omnisteval.alignment import align_sequences, process_alignment

Job = tuple[list[Word], list[Word], bool]  # references' words, the translation's, whether words are characters


def align(job: Job) -> list[Word]:
    """The translation's words, each with the number of the sentence (`seq_id`) that it was given to."""
    of_references, words, by_character = job
    return process_alignment(*align_sequences(of_references, words, by_character), by_character)
