"""The summary line is never greener than the runs behind it."""

import pytest

from scripts.summary import Totals, totals_of_cargo_line, totals_of_junit

pytestmark = pytest.mark.tidy


def test_cargo_lines_are_counted() -> None:
    line = "test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s\n"
    assert totals_of_cargo_line(line) == Totals(3, 1, 2)
    assert totals_of_cargo_line("test a::b ... ok\n") == Totals()


def test_junit_is_counted_with_errors_as_failures() -> None:
    text = '<testsuites><testsuite tests="9" failures="1" errors="2" skipped="3"/></testsuites>'
    assert totals_of_junit(text) == Totals(3, 3, 3)


def test_canary_a_crash_without_a_failed_test_counts_as_one() -> None:
    assert Totals(5, 0, 0).honest(101) == Totals(5, 1, 0)
    assert Totals(5, 2, 0).honest(101) == Totals(5, 2, 0)
    assert Totals(5, 0, 1).honest(0) == Totals(5, 0, 1)


def test_the_line_reads_as_promised() -> None:
    assert str(Totals(1, 2, 3) + Totals(1, 0, 0)) == "2 passed, 2 failed, 3 skipped"
