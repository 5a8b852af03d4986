"""Which runs are held against each other."""

from mgcm_fairseq.evaluation.comparison.pairs import Pair, SystemRun, matched, same_point

FOUND = {"a": {("k", 1): 1000.0, ("k", 3): 2000.0, ("s", 1): None}, "b": {("k", 1): 1900.0, ("k", 5): 2300.0},
         "c": {("k", 1): None}}


def run(name, policy, point):
    return SystemRun(name, policy, point)


def test_same_policy_and_point_for_each_two_names():
    assert same_point(FOUND) == [
        Pair(run("a", "k", 1), run("b", "k", 1), 900), Pair(run("a", "k", 1), run("c", "k", 1), None),
        Pair(run("b", "k", 1), run("c", "k", 1), None)]


def test_nearest_in_latency_for_each_two_curves():
    assert matched(FOUND) == [
        Pair(run("a", "k", 1), run("b", "k", 1), 900), Pair(run("a", "k", 3), run("b", "k", 1), -100)]


def test_policies_of_one_system_are_two_curves():
    assert matched({"a": {("k", 1): 10.0, ("s", 2): 14.0, ("s", 1): 6.0}}) == [
        Pair(run("a", "k", 1), run("a", "s", 1), -4)]  # of two as near, that of less latency
    assert same_point({"a": FOUND["a"]}) == []
