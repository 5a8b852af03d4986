"""One thread of torch's for a while, for who asks for it alone."""

from threading import Event, Thread

import pytest
import torch

from mgcm_fairseq.common.threads import one_thread


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
def test_the_number_comes_back_even_after_an_error():
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3
    with pytest.raises(KeyError), one_thread():
        raise KeyError
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three_threads")
def test_a_training_keeps_its_threads_while_another_thread_loads():
    loading, seen = Event(), Event()
    found = []

    def load():
        with one_thread():
            found.append(torch.get_num_threads())
            loading.set()
            seen.wait(60)

    assert torch.get_num_threads() == 3
    loader = Thread(target=load)
    loader.start()
    loading.wait(60)
    found.append(torch.get_num_threads())
    seen.set()
    loader.join()
    assert found == [1, 3]
