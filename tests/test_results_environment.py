"""Like is compared with like: keys, epochs and differences of environments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from results import environment
from tests.test_results_records import make_run

QEMU_7 = {"qemu": "7.2.19", "cpu": "max,-cx16"}
QEMU_10 = {"qemu": "10.0.13", "cpu": "max,-cx16", "recipe": "2"}


def test_the_key_depends_on_content_not_on_order_or_machine() -> None:
    assert environment.key(QEMU_7) == environment.key(dict(reversed(QEMU_7.items())))
    # Written down: a key that changed with the code would start an epoch in every history.
    assert environment.key(QEMU_7) == "50191117e82f817d"
    assert len({environment.key(QEMU_7), environment.key(QEMU_10), environment.key({})}) == 3


def test_names_and_texts_do_not_run_into_each_other() -> None:
    assert environment.key({"a": "b", "c": "d"}) != environment.key({"a": 'b","c', "c": "d"})
    assert environment.key({"ab": "c"}) != environment.key({"a": "bc"})


def test_the_host_belongs_to_timed_figures_only() -> None:
    assert not [name for name in environment.DETERMINISTIC if name.startswith("host")]
    complete = dict.fromkeys(environment.DETERMINISTIC, "x")
    assert environment.missing(complete, "deterministic") == []
    assert "host.processor" in environment.missing(complete, "timed")
    assert environment.missing(complete | {"cpu": ""}, "deterministic") == ["cpu"]


def test_a_difference_names_what_changed_came_and_went() -> None:
    assert [str(change) for change in environment.difference(QEMU_7, QEMU_10)] == [
        "qemu: 7.2.19 -> 10.0.13",
        "recipe: 2 (new)",
    ]
    assert [str(change) for change in environment.difference(QEMU_10, QEMU_7)][1] == "recipe: 2 -> (gone)"
    assert environment.difference(QEMU_7, dict(QEMU_7)) == []


def test_epochs_are_the_stretches_of_one_environment() -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    history = [(begin + timedelta(days=day), key) for day, key in enumerate("aabba")]
    first, second, third = environment.epochs(history, {"a": QEMU_7, "b": QEMU_10})
    assert [(e.environment, e.first, e.last) for e in (first, second, third)] == [("a", 0, 1), ("b", 2, 3), ("a", 4, 4)]
    assert second.started == begin + timedelta(days=2)
    assert first.changes == ()
    assert [change.name for change in second.changes] == ["qemu", "recipe"]


def test_an_environment_that_nobody_described_starts_an_epoch_all_the_same() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    assert [epoch.changes for epoch in environment.epochs([(moment, "a"), (moment, "b")])] == [(), ()]
    assert environment.epochs([]) == []


def test_the_speed_of_a_host_is_not_its_environment() -> None:
    run = make_run()
    faster = msgspec.structs.replace(run.environment, speed_factor=0.5)
    other = msgspec.structs.replace(run.environment, acceleration="kvm")
    assert environment.of_run(faster) == environment.of_run(run.environment)
    assert environment.of_run(other) != environment.of_run(run.environment)
