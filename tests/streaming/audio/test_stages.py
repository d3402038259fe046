from streaming.audio.stages import KEPT, Stages


def test_figures_of_each_stage() -> None:
    stages = Stages()
    for number in range(1, 102):
        stages.add("transcribe", number)
    stages.add("speak", 2.04)
    assert stages.summary() == {
        "transcribe": {"count": 101, "last_ms": 101, "p50_ms": 51, "p95_ms": 96},
        "speak": {"count": 1, "last_ms": 2.0, "p50_ms": 2.0, "p95_ms": 2.0},
    }


def test_only_the_newest_are_kept() -> None:
    stages = Stages()
    for _ in range(1_000):
        stages.add("a", 1_000)
    for _ in range(KEPT):
        stages.add("a", 1)
    assert stages.summary()["a"] == {"count": 1_000 + KEPT, "last_ms": 1, "p50_ms": 1, "p95_ms": 1}
