"""DiSeg's formulas, one element at a time."""

import math

import torch


def sigmoid(e):
    return 1 / (1 + math.exp(-e))


def visibility(logits_T):
    """beta_ij = 1 for j <= i, else prod_{l=i}^{j-1} (1 - p_l) (section 3.3)."""
    frames = len(logits_T)
    p = [sigmoid(e) for e in logits_T.tolist()]
    return torch.tensor([[math.prod(1 - p[k] for k in range(i, j)) for j in range(frames)] for i in range(frames)],
                        dtype=torch.float64)


def segment_map(p_T, segments, absorbing):
    """E_{0,0} = 1; E_{k,t+1} = E_{k,t} (1 - p_t) + E_{k-1,t} p_t (section 3.4); the last segment may keep its mass."""
    row_K = torch.zeros(segments, dtype=torch.float64)
    row_K[0] = 1
    columns = [row_K]
    for p in p_T[:-1]:
        following_K = torch.zeros_like(row_K)
        for k in range(segments):
            leaves = 0 if absorbing and k == segments - 1 else p
            following_K[k] = row_K[k] * (1 - leaves) + (row_K[k - 1] * p if k else 0)
        row_K = following_K
        columns.append(row_K)
    return torch.stack(columns, 1)


def published_waiting(high_T, lag, positions):
    """cumsum_{l<=t} round(p_l) <= clamp(k - 1 + i, 1, T) (section 3.5)."""
    frames = len(high_T)
    return [[sum(high_T[:t + 1]) <= min(max(lag - 1 + i, 1), frames) for t in range(frames)] for i in range(positions)]


def published_token_waiting(tokens, lag, positions):
    """j <= clamp(k - 1 + i, 1, S) (section 3.5)."""
    return [[j <= min(max(lag - 1 + i, 1), tokens) for j in range(tokens)] for i in range(positions)]


def peaks(p_T, slot):
    """Sum of max p over non-overlapping slots, incomplete tail dropped (section 3.7)."""
    return sum(max(p_T[start:start + slot]) for start in range(0, len(p_T) - slot + 1, slot))


def published_segment_number(p_BT, words):
    """Norms over the batch, T the padded length (section 3.7)."""
    frames = len(p_BT[0])
    first = second = 0.0
    for p_T, k in zip(p_BT, words, strict=True):
        n = max(k - 1, 1)
        first += (sum(p_T) - n) ** 2
        second += (peaks(p_T, max(frames // n, 1)) - n) ** 2 * (frames / n)
    return math.sqrt(first) + math.sqrt(second + 1e-6)


def segment_number(p_T, words):
    """The paper's form for one sentence (section 3.7)."""
    return abs(sum(p_T) - words) + abs(peaks(p_T, max(len(p_T) // max(words, 1), 1)) - words)


def contrastive(f_KD, g_KD, words, temperature=0.1):
    """sum_k -log softmax_{k'<K}(cos(f_k, g_k') / 0.1)[k] (section 3.8)."""
    total = 0.0
    for k in range(words):
        scores = [torch.dot(f_KD[k], g_KD[j]).item() / (f_KD[k].norm().item() * g_KD[j].norm().item()) / temperature
                  for j in range(words)]
        total += math.log(sum(math.exp(s) for s in scores)) - scores[k]
    return total


def streaks(high_T):
    """First frames of streaks."""
    return [bool(high and not (t and high_T[t - 1])) for t, high in enumerate(high_T)]
