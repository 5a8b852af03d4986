"""What a file is that is given for wav2vec 2.0 or HuBERT and is something else, and what helps."""

import pickletools
import zipfile
from collections.abc import Iterable
from pathlib import Path

_SMALL = "Use a wav2vec 2.0 from before fine-tuning, such as wav2vec_small.pt (fairseq's examples/wav2vec)."
_OTHER = f"Only wav2vec 2.0 and HuBERT can be read here. {_SMALL}"
HUGGING_FACE = "a model in the format of Hugging Face", f"Use the file of it that fairseq publishes. {_SMALL}"


def other_kind(names: Iterable[str], model: str = "") -> tuple[str, str] | None:
    """What a file is, and the remedy; None where nothing speaks against wav2vec 2.0 and HuBERT.

    Args:
        names: of its weights, or all strings in it.
        model: the name in its configuration.
    """
    texts = set(names)

    def has(*parts: str) -> bool:
        return any(text.startswith(parts) for text in texts)

    def within(*parts: str) -> bool:
        return any(part in text for text in texts for part in parts)

    if model.startswith("simul_st") or has("network.encoder.front_end."):
        return ("a simul_st model, front end and all", "To train on from it, use --finetune-from-model in place of "
                "--w2v-path.")
    if within(".attention.k_proj.", "feature_projection.") and not has("cfg", "args"):
        return HUGGING_FACE
    if within("relative_attention_bias", "grep_linear"):
        return "WavLM, whose attention has a bias that wav2vec 2.0 lacks", _OTHER
    if model.startswith("data2vec") or has("regression_head.", "data2vec_audio"):
        return "data2vec", _OTHER
    if model.startswith(("hubert_ctc", "hubert_seq2seq")) or has("hubert_ctc", "hubert_seq2seq"):
        return "a fine-tuned HuBERT", "Use the file from before fine-tuning, which its model.w2v_path names."
    if model.startswith(("wav2vec_ctc", "wav2vec_seq2seq")) or has("w2v_encoder.", "wav2vec_ctc", "wav2vec_seq2seq"):
        return "a fine-tuned wav2vec 2.0", "Use the file from before fine-tuning, which its model.w2v_path names."
    return None


def strings_of(path: Path) -> set[str]:
    """All strings in the pickle of a checkpoint, read without running what it holds; none where it has another form."""
    try:
        with zipfile.ZipFile(path) as parts:
            [name] = [name for name in parts.namelist() if name.endswith("/data.pkl")]
            return {argument for _, argument, _ in pickletools.genops(parts.read(name)) if isinstance(argument, str)}
    except Exception:  # of an archive that is broken, or none, which fails in any way
        return set()
