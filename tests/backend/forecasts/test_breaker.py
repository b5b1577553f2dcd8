# SPDX-License-Identifier: Apache-2.0
"""The circuit breaker by its clock."""

from hypothesis import given
from hypothesis import strategies as st

from backend.forecasts.breaker import Breaker


def broken(**facts) -> Breaker:
    breaker = Breaker(failures=3, open_s=10, **facts)
    for _ in range(3):
        breaker.failed(100.0)
    return breaker


def test_breaker__failures_in_a_row__keep_everybody_from_asking_for_a_while():
    breaker = broken()

    assert not breaker.may_try(105.0)
    assert breaker.retry_after_s(105.0) == 5


def test_breaker__after_a_while__lets_one_try_and_its_answer_closes_it():
    breaker = broken()

    assert [breaker.may_try(110.0), breaker.may_try(110.0)] == [True, False]
    breaker.succeeded()
    assert breaker.may_try(110.0)


def test_breaker__the_one_that_tries_fails__opens_again():
    breaker = broken()
    breaker.may_try(110.0)

    breaker.failed(111.0)

    assert not breaker.may_try(115.0)
    assert breaker.may_try(121.0)


def test_breaker__failures_between_answers__stay_closed():
    breaker = Breaker(failures=3)
    for _ in range(10):
        breaker.failed(1.0)
        breaker.failed(1.0)
        breaker.succeeded()

    assert breaker.may_try(1.0)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=60))
def test_breaker__any_history__can_be_tried_again_in_the_end(history):
    breaker, now = Breaker(), 0.0
    for good, pause in history:
        now += pause
        if breaker.may_try(now):
            breaker.succeeded() if good else breaker.failed(now)

    assert breaker.may_try(now + breaker.open_s)
