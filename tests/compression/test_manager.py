import subprocess
import sys
import threading
from pathlib import Path

import pytest

from compression import selectors, services
from compression.codec import Library
from compression.manager import MAX_SAMPLE_LENGTH, MAX_SAMPLES, TemplateManager

ROOT = Path(__file__).parents[2]


@pytest.mark.django_db
def test_matching() -> None:
    manager = TemplateManager()
    match = manager.match_template("Hello! How can I help you today?")
    assert match is not None
    assert match == (0, [])
    assert manager.match_template("What a strange thing to say") is None


@pytest.mark.django_db
def test_auto_update_follows_the_active_library(library: Library) -> None:
    following, staying = TemplateManager(auto_update=True), TemplateManager(auto_update=False)
    services.promote(services.install_library(library))
    selectors.forget()
    text = "Your order 17 is on its way."
    assert following.match_template(text) == (200, ["17"])
    assert staying.match_template(text) is None


@pytest.mark.django_db
def test_the_buffer_is_bounded() -> None:
    manager = TemplateManager()
    for number in range(MAX_SAMPLES + 5):
        manager.record_response(f"answer {number}")
    manager.record_response("x" * (MAX_SAMPLE_LENGTH + 1))
    assert manager.recorded == MAX_SAMPLES + 6
    assert len(manager.samples) == MAX_SAMPLES
    assert manager.samples[0] == "answer 5"
    assert manager.samples[-1] == f"answer {MAX_SAMPLES + 4}"


@pytest.mark.django_db
def test_answers_of_many_threads_are_all_kept() -> None:
    manager = TemplateManager()
    threads = [
        threading.Thread(target=lambda n=n: [manager.record_response(f"{n}.{i}") for i in range(100)]) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(manager.samples)) == 800


async def test_in_an_event_loop_no_database_is_asked() -> None:
    assert TemplateManager().match_template("Hello! How can I help you today?") == (0, [])


def test_without_django() -> None:
    code = (
        "from compression.manager import TemplateManager\n"
        "from compression.hybrid import HybridCompressor\n"
        "assert TemplateManager().match_template('Hello! How can I help you today?') == (0, [])\n"
        "assert HybridCompressor().decompress(HybridCompressor().compress('Hi')[0]) == 'Hi'\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, check=True, timeout=60, env={})
