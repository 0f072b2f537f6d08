"""Batches: every pair once, reproducible, without pairs that have something in common."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codeindex.pairs import Pair
from codeindex_torch.training.batches import make_batches
from codeindex_torch.training.data import PairKeys

KEYS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 30)), min_size=2, max_size=60)


@given(KEYS, st.integers(2, 12), st.integers(0, 5), st.integers(0, 3))
def test_every_pair_is_in_one_batch(keys, size, seed, epoch):
    batches = make_batches(keys, size, seed=seed, epoch=epoch)
    assert sorted(pair for batch in batches for pair in batch) == list(range(len(keys)))
    assert all(2 <= len(batch) <= size + 1 for batch in batches)
    assert all(len(batch) == size for batch in batches[:-1])
    assert len(batches) == len(make_batches(keys, size, seed=seed, epoch=epoch + 1))
    assert batches == make_batches(keys, size, seed=seed, epoch=epoch)


@given(KEYS, st.integers(2, 4))
def test_batches_are_cut_to_a_multiple(keys, processes):
    batches = make_batches(keys, 4 * processes, seed=0, epoch=0, multiple=processes)
    assert all(len(batch) % processes == 0 for batch in batches)
    left_out = len(keys) - sum(map(len, batches))
    assert left_out < processes


def test_the_order_is_another_in_each_epoch_and_for_each_seed():
    keys = [(0, 0)] * 40
    orders = {
        str(make_batches(keys, 8, seed=seed, epoch=epoch)) for seed in (1, 2) for epoch in (0, 1)
    }
    assert len(orders) == 4


def test_pairs_of_one_paper_do_not_meet_where_that_can_be():
    keys = [(paper, 0) for paper in range(1, 41) for _ in range(3)]
    batches = make_batches(keys, 8, seed=3, epoch=0)
    clashes = sum(len(batch) - len({keys[pair][0] for pair in batch}) for batch in batches[:-2])
    assert clashes == 0
    only_one = make_batches([(1, 0)] * 20, 5, seed=0, epoch=0)
    assert [len(batch) for batch in only_one] == [5, 5, 5, 5], "they meet where they must"


@given(KEYS, st.integers(2, 12), st.integers(2, 9), st.integers(0, 3))
def test_runs_of_a_repository_leave_no_pair_out(keys, size, run, epoch):
    groups = [key[1] % 4 for key in keys]
    batches = make_batches(keys, size, seed=1, epoch=epoch, groups=groups, run=run)
    assert sorted(pair for batch in batches for pair in batch) == list(range(len(keys)))
    assert batches == make_batches(keys, size, seed=1, epoch=epoch, groups=groups, run=run)


def test_pairs_of_one_repository_stand_side_by_side():
    keys, groups = [(0, 0)] * 400, [number % 20 for number in range(400)]
    together = make_batches(keys, 8, seed=0, epoch=0, groups=groups, run=4)
    assert all(len({groups[pair] for pair in batch}) <= 2 for batch in together)
    assert together != make_batches(keys, 8, seed=0, epoch=1, groups=groups, run=4)
    apart = make_batches(keys, 8, seed=0, epoch=0)
    assert sum(len({groups[pair] for pair in batch}) for batch in apart) > 5 * len(apart)


def test_conflicts_are_what_two_pairs_have_in_common():
    def pair(anchor, positive, **metadata):
        return Pair(anchor, positive, metadata=metadata)

    keys = PairKeys.of(
        [
            pair("a", "x", arxiv_id="1", repo_url="r", code_file_path="f"),
            pair("b", "y", arxiv_id="1", repo_url="s", code_file_path="f"),
            pair("c", "z", arxiv_id="2", repo_url="R.git", code_file_path="f"),
            pair("c  ", "w"),
            pair("d", " w\n"),
            pair("", "v"),
            pair("", "u"),
        ]
    )
    conflicts = keys.conflicts(keys)
    found = {
        (one, other) for one in range(7) for other in range(one + 1, 7) if conflicts[one, other]
    }
    same_paper, same_file, same_anchor, same_code = (0, 1), (0, 2), (2, 3), (3, 4)
    assert found == {same_paper, same_file, same_anchor, same_code}
    assert bool((conflicts == conflicts.T).all())


def test_two_functions_of_one_file_are_no_conflict():
    metadata = {"repo_url": "r", "code_file_path": "f"}
    functions = [
        Pair(name, f"def {name}", metadata=metadata | {"function_name": name}) for name in "ab"
    ]
    keys = PairKeys.of(functions)
    assert not keys.conflicts(keys)[0, 1]
