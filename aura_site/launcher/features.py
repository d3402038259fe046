"""`enable` and `disable`: what AURA can do besides, switched in `.env`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aura_site import dotenv
from aura_site.launcher.config import Config
from aura_site.launcher.console import say
from aura_site.launcher.errors import LauncherError


@dataclass(frozen=True, slots=True)
class Feature:
    """A switch: its variable, what holds when nobody set it, and what it is for. `usual`: meant when none is named."""

    name: str
    variable: str
    default: bool
    about: str
    usual: bool = False


FEATURES = {
    feature.name: feature
    for feature in (
        Feature("routing", "ENABLE_INTELLIGENT_ROUTING", True, "the question decides which tier answers", usual=True),
        Feature(
            "hybrid", "ENABLE_HYBRID_STREAMING", False, "what a model will probably say is shown early", usual=True
        ),
        Feature("mock", "ALLOW_MOCK_LLM", False, "answers without a model, for trying things out"),
        Feature("json-logs", "AURA_LOG_JSON", False, "one JSON object a line in the logs"),
        Feature("traces", "AURA_TRACES", False, "OpenTelemetry traces (needs requirements-otel.txt)"),
        Feature("multi-factor", "AURA_MULTI_FACTOR", False, "staff need a one-time code besides the password"),
        Feature("https", "AURA_HTTPS", False, "AURA is reached over HTTPS only"),
    )
}


@dataclass(frozen=True, slots=True)
class State:
    """How a switch stands, None for what is neither true nor false, and who says so: `the environment`, `.env` or `the
    default`."""

    feature: Feature
    on: bool | None
    said_by: str


def states(environment: Mapping[str, str], file: Mapping[str, str]) -> list[State]:
    """Return how every switch stands; the environment comes first, an empty value says nothing."""
    found = []
    for feature in FEATURES.values():
        value, said_by = "", "the default"
        for source, name in ((file, ".env"), (environment, "the environment")):
            # As `.env` is merged with the environment: an empty variable there hides the file's.
            if feature.variable in source:
                value, said_by = source[feature.variable], name
        on = dotenv.truth(value) if value else feature.default
        found.append(State(feature, on, said_by if value else "the default"))
    return found


def show(config: Config) -> None:
    """Say how every switch stands."""
    words = {True: "on", False: "off", None: "?"}
    for state in states(config.environment, dotenv.read(config.root / ".env")):
        remedy = ": give true or false" if state.on is None else ""
        say(f"{state.feature.name:14} {words[state.on]:4} {state.feature.variable}, by {state.said_by}{remedy}")


def switch(config: Config, names: Iterable[str], *, on: bool, dry_run: bool, running: bool) -> None:
    """Turn features on or off in `.env` and say what became of each. Nothing is written with `dry_run`, or when nothing
    changes. Raises LauncherError for a name that is none."""
    wanted = list(names) or [feature.name for feature in FEATURES.values() if feature.usual]
    unknown = [name for name in wanted if name not in FEATURES]
    if unknown:
        raise LauncherError(f"There is no feature called {unknown[0]}; there are: {', '.join(FEATURES)}.")
    path = config.root / ".env"
    file = dotenv.read(path)
    value = "true" if on else "false"
    changes = {FEATURES[name].variable: value for name in wanted if file.get(FEATURES[name].variable) != value}
    for name in wanted:
        feature = FEATURES[name]
        known = feature.variable in changes
        words = f"{file.get(feature.variable) or 'not set'} -> {value}" if known else f"{value} already"
        say(f"{feature.variable:28} {words}   ({feature.about})")
        if feature.variable in config.environment and config.environment[feature.variable] != value:
            say(f"{'':28} but the environment says {config.environment[feature.variable]!r}, and comes first")
    if dry_run:
        say(f"Nothing was written ({path})." if changes else "There is nothing to write.")
        return
    if changes:
        dotenv.change(path, changes)
        say(f"Written to {path}." + (" Start AURA again for it to count: ./aura down, ./aura up." if running else ""))
