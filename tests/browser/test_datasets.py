"""The datasets page: uploads, progress, a line dropped on purpose, cancelling; in English and Arabic."""

import random
import re

import pytest
from playwright.sync_api import Page, Route, expect

pytestmark = pytest.mark.browser

LARGE = random.Random(1).randbytes(6_000_000)


def choose(page: Page, data: bytes, name: str = "data.bin") -> None:
    page.goto("/datasets/")
    page.set_input_files("#file", {"name": name, "mimeType": "application/octet-stream", "buffer": data})


def test_text_is_worked_through(page: Page) -> None:
    page.goto("/datasets/")
    page.fill("#text", "the membranes read this " * 200)
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#state")).to_contain_text("Done: 4.8 KB")
    expect(page.locator("#checked")).to_contain_text("1 results, none missing and none twice; lines dropped: 0")
    assert page.locator("#worked").evaluate("bar => bar.value") == 1
    assert page.locator("#uploaded").evaluate("bar => bar.value") == 1
    expect(page.locator("#most li")).to_have_count(1)


def test_nothing_chosen_is_said(page: Page) -> None:
    page.goto("/datasets/")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#state")).to_have_text("Choose a file, or write some text.")


def test_an_empty_file_is_named(page: Page) -> None:
    choose(page, b"", "empty.csv")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#state")).to_have_text("empty.csv is empty: choose another file.")


def test_a_server_that_is_away_is_said_and_another_try_succeeds(page: Page) -> None:
    page.goto("/datasets/")
    page.fill("#text", "once more")
    page.route("**/jobs", lambda found: found.abort("connectionrefused"))
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#state")).to_have_text("This failed: The server does not answer. Try again in a moment.")
    page.unroute("**/jobs")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#state")).to_contain_text("Done: 9 B")
    # A job that cannot be asked for is not given up.
    page.route("**/jobs/01a206e9-aaaa-7357-9c57-b83fcd8ea7b7", lambda found: found.abort("connectionrefused"))
    page.goto("/datasets/?job=01a206e9-aaaa-7357-9c57-b83fcd8ea7b7")
    expect(page.locator("#state")).to_contain_text("The server does not answer.")
    assert "job=01a206e9-aaaa-7357-9c57-b83fcd8ea7b7" in page.url


def test_a_dropped_line_comes_back_and_nothing_is_lost(page: Page) -> None:
    choose(page, LARGE)
    page.fill("[name=max_chunk_size]", "512")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#checked")).to_contain_text(re.compile(r"[1-9][\d,]* results"))
    page.get_by_role("button", name="Drop the line").click()
    expect(page.locator("#state")).to_contain_text("The line was dropped")
    expect(page.locator("#state")).to_contain_text("Done: 6.0 MB", timeout=120_000)
    count = f"{-(-len(LARGE) // 512):,}"
    expect(page.locator("#checked")).to_have_text(f"{count} results, none missing and none twice; lines dropped: 1")
    expect(page.locator("#most li")).to_have_count(10)
    for plot in ("#rates", "#novelty"):
        assert len(page.locator(f"{plot} polyline").get_attribute("points").split()) > 2


def hold_uploads(page: Page, parts: int) -> None:
    """Break the line of every part of an upload behind the first ones."""
    seen = 0

    def route(found: Route) -> None:
        nonlocal seen
        seen += 1
        if seen <= parts:
            found.continue_()
        else:
            found.abort("connectionreset")

    page.route("**/deep_tree_echo/jobs/*/input", route)


def test_a_reload_takes_up_the_job_where_the_page_stood(page: Page) -> None:
    choose(page, LARGE)
    page.fill("[name=max_chunk_size]", "512")
    page.fill("[name=membrane_depth]", "4")
    page.fill("[name=esn_size]", "128")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#uploaded-label")).to_contain_text("6.0 MB of 6.0 MB uploaded")
    expect(page.locator("#checked")).to_contain_text(re.compile(r"[1-9][\d,]* results"))
    page.reload()
    expect(page.locator("#state")).to_contain_text("Working")
    expect(page.locator("[name=esn_size]")).to_have_value("128")
    expect(page.get_by_role("button", name="Start")).to_be_disabled()
    expect(page.locator("#state")).to_contain_text("Done: 6.0 MB", timeout=120_000)
    count = f"{-(-len(LARGE) // 512):,}"
    expect(page.locator("#checked")).to_have_text(f"{count} results, none missing and none twice; lines dropped: 0")
    assert "job=" not in page.url
    page.reload()
    expect(page.locator("#progress")).to_be_hidden()


def test_after_a_reload_the_rest_of_an_upload_needs_the_file_again(page: Page) -> None:
    choose(page, LARGE)
    hold_uploads(page, 1)
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#checked")).to_contain_text("256 results")
    page.reload()
    expect(page.locator("#state")).to_have_text(
        "4.2 MB of 6.0 MB were uploaded. Choose the same file again to send the rest."
    )
    page.unroute("**/deep_tree_echo/jobs/*/input")
    page.set_input_files("#file", {"name": "b", "mimeType": "text/plain", "buffer": b"another"})
    expect(page.locator("#state")).to_contain_text("This is another file: that of the job has 6.0 MB.")
    page.set_input_files("#file", {"name": "data.bin", "mimeType": "application/octet-stream", "buffer": LARGE})
    expect(page.locator("#state")).to_contain_text("Done: 6.0 MB")
    expect(page.locator("#checked")).to_contain_text("367 results, none missing and none twice")


def test_a_job_that_is_over_is_said(page: Page) -> None:
    page.goto("/datasets/")
    job = page.evaluate("""async () => {
      const headers = {"Content-Type": "application/json"};
      const body = JSON.stringify({endpoint: "stream_large_dataset", size: 5});
      const made = await fetch("/deep_tree_echo/jobs", {method: "POST", headers, body});
      const {job} = await made.json();
      await fetch(`/deep_tree_echo/jobs/${job}`, {method: "DELETE"});
      return job;
    }""")
    page.goto(f"/datasets/?job={job}")
    expect(page.locator("#state")).to_have_text("That job is over, or not kept any more.")
    assert "job=" not in page.url
    expect(page.get_by_role("button", name="Start")).to_be_enabled()


def test_cancelling_ends_it_and_another_can_begin(page: Page) -> None:
    choose(page, LARGE)
    page.fill("[name=max_chunk_size]", "512")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#checked")).to_contain_text(re.compile(r"[1-9][\d,]* results"))
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#state")).to_have_text("Cancelled.")
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    page.set_input_files("#file", {"name": "b", "mimeType": "text/plain", "buffer": b"small"})
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#state")).to_contain_text("Done: 5 B")


def test_arabic_from_right_to_left(page: Page) -> None:
    page.goto("/datasets/")
    page.get_by_role("button", name="العربية").click()
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.get_by_role("heading", level=1)).to_have_text("مجموعات البيانات")
    page.fill("#text", "مرحبا")
    page.get_by_role("button", name="ابدأ").click()
    expect(page.locator("#state")).to_contain_text("تمّ")


def test_the_admin_shows_progress_and_cancels(page: Page) -> None:
    page.goto("/datasets/")
    page.fill("#text", "seen in the admin")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#state")).to_contain_text("Done")
    page.goto("/admin/streaming/datasetjob/")
    row = page.locator("#result_list tbody tr").first
    expect(row).to_contain_text("done")
    expect(row.locator("progress")).to_have_attribute("value", "100")
    row.locator("input[type=checkbox]").check()
    page.select_option("select[name=action]", "cancel")
    page.get_by_role("button", name="Go").click()
    expect(page.locator(".messagelist")).to_contain_text("Jobs cancelled: 0.")


def test_the_admin_cancels_a_job_that_runs(page: Page) -> None:
    choose(page, LARGE)
    hold_uploads(page, 1)
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#checked")).to_contain_text("256 results")
    admin = page.context.new_page()
    admin.goto("/admin/streaming/datasetjob/?status__exact=running")
    row = admin.locator("#result_list tbody tr").first
    expect(row).to_contain_text("running")
    row.locator("input[type=checkbox]").check()
    admin.select_option("select[name=action]", "cancel")
    admin.get_by_role("button", name="Go").click()
    expect(admin.locator(".messagelist")).to_contain_text("Jobs cancelled: 1.")
    expect(page.locator("#state")).to_have_text("This failed: The job was cancelled.")
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
