"""Walks through autograd's graphs by hand."""

import torch

from mgcm_fairseq.core.conflict.graph import leaves_below, node_of


def test_each_leaf_is_found_once_whichever_outputs_reach_it():
    a, b = (torch.ones(2, requires_grad=True) for _ in range(2))
    product = a * b
    leaves, engines = leaves_below([product + a, product, b])
    assert sorted(map(id, leaves)) == sorted(map(id, (a, b)))
    assert engines == []


def test_nothing_is_looked_for_below_what_is_known():
    a, b = (torch.ones(2, requires_grad=True) for _ in range(2))
    product = a * b
    leaves, _ = leaves_below([product + a], [node_of(product)])
    assert [id(leaf) for leaf in leaves] == [id(a)]


def test_a_tensor_without_a_gradient_has_no_node():
    assert node_of(torch.ones(2)) is None
    assert leaves_below([torch.ones(2)]) == ([], [])
