"""What is reached from a state counts once, whatever it hangs from."""

import numpy as np
import pytest
import torch
from torch import nn

from mgcm_fairseq.measuring.held import held_bytes


class State:
    def __init__(self, **parts):
        self.__dict__.update(parts)


@pytest.mark.parametrize(("state", "expected"), [
    (torch.zeros(5), 20), ([torch.zeros(5), torch.zeros(5)], 40), ({"a": torch.zeros(5).bool()}, 5),
    (torch.zeros(100)[:1], 400), ([1, 2.5, "abc"], 24), (None, 0), (np.zeros(3), 24),
    (State(a=torch.zeros(2), b=State(c=[[1], [2]])), 24), (State(network=nn.Linear(9, 9), lag=3), 8),
    (State(other=State(a=1)), 8)])
def test_bytes(state, expected):
    assert held_bytes(state) == expected


def test_what_is_shared_counts_once_and_a_circle_ends():
    x = torch.zeros(10)
    state = State(a=x, b=x[3:], c=x.view(2, 5))
    state.own = state
    assert held_bytes(state) == 40


def test_kinds_that_are_left_out():
    class Left(State):
        pass

    assert held_bytes([Left(a=1), 2], (Left,)) == 8
