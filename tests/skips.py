"""With AURA_REQUIRE_ALL (`./aura test --require-all`) a test that is skipped has failed: nothing may go unproved."""

import os
from collections.abc import Generator

import pytest

WORDS = "A skip counts as a failure here (AURA_REQUIRE_ALL): "


def _refuse(report: pytest.TestReport | pytest.CollectReport) -> None:
    # An expected failure is reported as skipped too, but it has run.
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("AURA_REQUIRE_ALL"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = WORDS + reason


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse(report)
    return report
