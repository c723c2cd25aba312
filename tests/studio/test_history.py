"""Undo and redo."""

from studio.history import History


def test_undo_goes_back_and_redo_forward_again() -> None:
    history = History("a")
    history.put("b")
    history.put("c")
    assert history.undo()
    assert history.undo()
    assert history.now == "a"
    assert not history.undo()
    assert history.redo()
    assert history.now == "b"


def test_a_new_state_cuts_off_what_was_undone() -> None:
    history = History("a")
    history.put("b")
    history.undo()
    history.put("c")
    assert history.states == ("a", "c")
    assert not history.redo()


def test_nudges_of_one_slider_are_one_step() -> None:
    history = History("a")
    for value in ("0.8", "0.7", "0.6"):
        history.put(value, merge="swapper.strength")
    history.put("0.5", merge="swapper.light")
    history.undo()
    assert history.now == "0.6"
    history.undo()
    assert history.now == "a"


def test_an_undo_between_two_nudges_separates_them() -> None:
    history = History("a")
    history.put("b")
    history.put("c", merge="slider")
    history.undo()
    history.put("d", merge="slider")
    assert history.states == ("a", "b", "d")


def test_a_state_that_is_the_present_one_is_no_step() -> None:
    history = History("a")
    assert not history.put("a")
    assert not history.can_undo


def test_the_oldest_states_go_when_there_are_too_many() -> None:
    history = History(0, depth=3)
    for number in range(1, 6):
        history.put(number)
    assert history.states == (3, 4, 5)
