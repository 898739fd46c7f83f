"""The noise itself: distribution, thresholds, what it says of itself, and a membership attack that it defeats."""

from __future__ import annotations

import math
from dataclasses import replace

import opendp.prelude as dp
import pytest
from scipy.stats import beta, binom

from schemas.noise import Bounds, Cost, Dp, shares, total
from schemas.profiles import profiles
from schemas.tables import trends
from transforms.guard.bounded import Bounded
from transforms.guard.noise import Noisy, library

COUNTRIES = next(table for table in trends().tables if table.name == "countries")
K = 10
NEVER = 1e-10  # probability of a test that fails although all is well, each
DECLARED = profiles()["dp"].noise


def period(neighbourhoods: list[int], hits: list[int], k: int = K) -> Bounded:
    """A day of `countries` with these bounded counts; cells are numbered."""
    labels = [(f"{i:06d}",) for i in range(len(hits))]
    return Bounded(
        "countries", "shop", "day", "2026-11-18", False, k, labels, neighbourhoods, hits, sum(hits), len(hits)
    )


def drawn(noisy: Noisy, bounded: Bounded) -> dict[int, tuple[int, int]]:
    """(visitors, hits) by the number of the cell, of one draw."""
    rows = noisy.draw(bounded, COUNTRIES).rows.to_pylist()
    return {int(row["country"]): (row["visitors"], row["hits"]) for row in rows}


def is_likely(found: int, tries: int, probability: float) -> bool:
    """Whether so many of the tries are no surprise, on either side."""
    return min(binom.cdf(found, tries, probability), binom.sf(found - 1, tries, probability)) > NEVER


# ---- the distribution ----------------------------------------------------------------------------------------------------


def tail(scale: float, at: int) -> float:
    """P[Z ≥ at] of discrete Laplace noise, at ≥ 0: the sum of its geometric tail."""
    a = math.exp(-1 / scale)
    return a**at / (1 + a)


@pytest.mark.parametrize("column", [0, 1], ids=["visitors", "hits"])
def test_noise_is_discrete_laplace_of_the_stated_scale(column: int) -> None:
    """Of 20,000 cells, as many are exact, below, and beyond one, two and five scales as the distribution says."""
    noisy = Noisy(Bounds(2, 3, 1), Cost(1.0, 1e-9), K)
    scale = (noisy.rows_scale, noisy.hits_scale)[column]
    truth = (5_000, 900_000)
    cells = 20_000
    rows = drawn(noisy, period([truth[0]] * cells, [truth[1]] * cells))
    noise = [row[column] - truth[column] for row in rows.values()]
    assert len(noise) == cells
    assert is_likely(noise.count(0), cells, tail(scale, 0) - tail(scale, 1))
    for beyond in (1, 2, 5):
        at = round(beyond * scale)
        assert is_likely(sum(one >= at for one in noise), cells, tail(scale, at))
        assert is_likely(sum(one <= -at for one in noise), cells, tail(scale, at))


def test_two_draws_differ() -> None:
    """Noise comes from no seed: the same counts give other rows each time."""
    noisy = Noisy(Bounds(2, 100, 1), Cost(1.0, 1e-9), K)
    bounded = period([5_000] * 50, [50_000] * 50)
    assert drawn(noisy, bounded) != drawn(noisy, bounded)


# ---- thresholds ----------------------------------------------------------------------------------------------------------


def test_a_cell_that_one_neighbourhood_brings_to_k_shows_with_delta_at_most() -> None:
    """A cell of exactly k is there because of each of its neighbourhoods: it passes as rarely as delta says, and no rarer."""
    noisy = Noisy(Bounds(1, 1, 1), Cost(1.0, 0.02), K)
    cells = 50_000
    rows = drawn(noisy, period([K] * cells, [K] * cells))
    stated = noisy.told().delta
    assert 0.005 < stated <= 0.02
    assert is_likely(len(rows), cells, stated)
    assert min(visitors for visitors, _ in rows.values()) == noisy.told().least


def test_library_states_less_than_it_keeps() -> None:
    """Why rows stand above the threshold: at it the library keeps what its delta lacks (opendp issue 2922).

    When this fails, the library has changed: the release is right either way, and the rule may go.
    """
    noisy = Noisy(Bounds(1, 1, 1), Cost(1.0, 0.02), K)
    cells = 50_000
    kept = len(noisy.rows(dict.fromkeys(range(cells), 1)))
    assert binom.sf(kept - 1, cells, noisy.told().delta) < NEVER


@pytest.mark.parametrize("cells", [1, 4])
def test_delta_is_what_the_tail_says(cells: int) -> None:
    """By the geometric sum: none of the cells that a neighbourhood brings to k may show."""
    noisy = Noisy(Bounds(cells, 10, 1), Cost(0.5, 1e-9), K)
    told = noisy.told()
    beyond = told.least - told.k  # noise that a cell of k needs to show
    by_hand = -math.expm1(cells * math.log1p(-tail(told.mechanisms["visitors"].scale, beyond)))
    assert told.delta == pytest.approx(by_hand, rel=1e-5)
    one_less = -math.expm1(cells * math.log1p(-tail(told.mechanisms["visitors"].scale, beyond - 1)))
    assert one_less > 1e-9  # the least threshold that is enough


def test_nothing_in_nothing_out() -> None:
    """A period without a cell of k has no rows, and is drawn all the same."""
    made = Noisy(Bounds(1, 1, 1), Cost(1.0, 1e-9), K).draw(period([], []), COUNTRIES)
    assert made.rows.num_rows == 0
    assert made.rows.column_names == ["country", "hits", "visitors"]


# ---- what it says of itself ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", DECLARED)
@pytest.mark.parametrize("epsilon", [0.1, 1.0, 10.0])
def test_statement_agrees_with_the_library_and_itself(table: str, epsilon: float) -> None:
    """Mechanisms made anew from the stated numbers alone have the stated losses; sums and bounds fit, and the cost is kept."""
    library()
    bounds, cost = DECLARED[table], shares(DECLARED, Dp(epsilon))[table]
    told = Noisy(bounds, cost, K).told()
    rows, hits = told.mechanisms["visitors"], told.mechanisms["hits"]
    assert (told.cells, told.hits, told.k, told.visitors_each) == (bounds.cells, bounds.hits, K, 1)
    assert rows.sensitivity == told.cells * told.visitors_each
    assert hits.sensitivity == told.cells * told.hits
    whole = dp.atom_domain(T="i64")
    again = dp.m.make_laplace(dp.vector_domain(whole), dp.l1_distance(T="i64"), scale=hits.scale)
    assert again.map(hits.sensitivity) == hits.epsilon
    metric = dp.l01inf_distance(dp.absolute_distance(T="i64"))
    chosen = dp.m.make_laplace_threshold(dp.map_domain(whole, whole), metric, rows.scale, told.least - told.k)
    assert chosen.map((told.cells, rows.sensitivity, told.visitors_each)) == (rows.epsilon, rows.delta)
    for one in (rows, hits):
        assert one.epsilon == pytest.approx(one.sensitivity / one.scale, rel=1e-12)
    assert told.epsilon == rows.epsilon + hits.epsilon
    assert told.delta == rows.delta + hits.delta
    assert told.epsilon <= cost.epsilon
    assert told.delta <= cost.delta
    assert told.library.startswith("opendp 0.")


@pytest.mark.parametrize("given", [Dp(), Dp(0.1, 1e-12), Dp(3.7, 3e-7)])
def test_shares_are_never_above_the_whole(given: Dp) -> None:
    """Exact sums of what all tables may cost are at most what the policy allows, and nearly all of it."""
    epsilon, delta = total(shares(DECLARED, given).values())
    assert epsilon <= given.epsilon
    assert delta <= given.delta
    assert float(epsilon) == pytest.approx(given.epsilon)
    assert float(delta) == pytest.approx(given.delta)


def test_noise_that_costs_too_much_is_refused() -> None:
    """A statement above what was allowed is an error, whatever the library says."""
    noisy = Noisy(Bounds(1, 1, 1), Cost(1.0, 1e-9), K)
    noisy.cost = Cost(0.5, 1e-9)
    with pytest.raises(ValueError, match="costs more"):
        noisy.told()


# ---- the attack ----------------------------------------------------------------------------------------------------------

OTHERS, HEAVY = 200, 5_000  # neighbourhoods with 3 hits each; hits of somebody of whom is asked whether he was there
BOUNDS, COST = Bounds(1, 20, 1), Cost(1.0, 1e-6)
TRIES = 3_000


def guessed(noisy: Noisy, *, clamped: int, was_there: bool) -> float:
    """How often an attacker who knows all the others says that somebody was there."""
    known = OTHERS * 3
    bounded = period([OTHERS + was_there], [known + was_there * min(HEAVY, clamped)])
    said = 0
    for _ in range(TRIES):
        _, hits = drawn(noisy, bounded)[0]
        said += hits > known + min(HEAVY, clamped) / 2
    return said / TRIES


def test_membership_is_hidden() -> None:
    """Who knows everybody else is right about one heavy visitor hardly more often than epsilon allows."""
    noisy = Noisy(BOUNDS, COST, K)
    right, wrong = (round(guessed(noisy, clamped=BOUNDS.hits, was_there=there) * TRIES) for there in (True, False))
    least = beta.ppf(NEVER, right, TRIES - right + 1)  # Clopper-Pearson
    most = beta.ppf(1 - NEVER, wrong + 1, TRIES - wrong)
    told = noisy.told()
    assert least <= math.exp(told.epsilon) * most + told.delta


@pytest.mark.parametrize("off", ["noise", "clamping"])
def test_without_noise_or_clamping_membership_is_seen(off: str) -> None:
    """With one of the two switched off the same attacker is always right."""
    noisy = Noisy(BOUNDS, COST if off == "clamping" else replace(COST, epsilon=1e6), K)
    clamped = HEAVY if off == "clamping" else BOUNDS.hits
    assert guessed(noisy, clamped=clamped, was_there=True) == 1
    assert guessed(noisy, clamped=clamped, was_there=False) == 0
