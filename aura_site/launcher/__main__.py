"""The command line of `./aura`."""

import argparse
import subprocess
import sys

from aura_site.launcher import checks, installation, lifecycle, processes
from aura_site.launcher.config import Config
from aura_site.launcher.console import complain, say
from aura_site.launcher.errors import LauncherError


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(
        prog="./aura", description="A self-hosted gateway between people and language models."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="install what is missing, start AURA, print where it is")
    up.add_argument("--detach", action="store_true", help="return when AURA is ready, and leave it running")
    commands.add_parser("down", help="stop what `up` started")
    commands.add_parser("status", help="say what runs and whether it is well")
    commands.add_parser("link", help="print another one-time sign-in link")
    test = commands.add_parser("test", help="run every check and test")
    test.add_argument("--require-all", action="store_true", help="a missing program is a failure, not a skip")
    test.add_argument("pytest", nargs="*", help="arguments for pytest, behind --")
    commands.add_parser("demo", help="hold a scripted conversation and show its bytes and its record")
    key = commands.add_parser("createkey", help="make an API key and print it once")
    key.add_argument("name", help="what the key is for")
    key.add_argument("--user", default="", help="whose key (default: the first administrator)")
    commands.add_parser("dev", help="run with reload and debugging")
    bench = commands.add_parser("bench", help="run a benchmark")
    bench.add_argument("name")
    bench.add_argument("arguments", nargs=argparse.REMAINDER)
    return top


def demo(config: Config) -> int:
    """Hold the conversation of `manage.py demo` with a running server, started for it when there is none."""
    started = not processes.running(config)
    if started:
        lifecycle.up(config, detach=True)
        say("")
    try:
        return subprocess.run(
            [str(config.python), "manage.py", "demo"], cwd=config.root, env=dict(config.environment), check=False
        ).returncode
    finally:
        if started:
            lifecycle.down(config)


def main(arguments: list[str]) -> int:
    """Run one command and return the exit status."""
    options = parser().parse_args(arguments)
    try:
        return _run(options, Config.load())
    except LauncherError as error:
        complain(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        complain(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
        return 1


def _run(options: argparse.Namespace, config: Config) -> int:
    match options.command:
        case "up":
            lifecycle.up(config, detach=options.detach)
        case "down":
            lifecycle.down(config)
        case "status":
            return 0 if lifecycle.status(config) else 1
        case "link":
            installation.prepare(config)
            lifecycle.link(config)
        case "test":
            return 0 if checks.run(config, require_all=options.require_all, pytest_arguments=options.pytest) else 1
        case "demo":
            return demo(config)
        case "createkey":
            installation.prepare(config)
            extra = ["--user", options.user] if options.user else []
            say(lifecycle.manage(config, "createkey", options.name, *extra).strip())
        case "dev":
            lifecycle.dev(config)
        case "bench":
            if not (config.root / "benchmarks" / f"{options.name}.py").is_file():
                found = sorted(path.stem for path in (config.root / "benchmarks").glob("[a-z]*.py"))
                there = ", ".join(found) or "none yet"
                raise LauncherError(f"There is no benchmark called {options.name}; there are: {there}.")
            installation.prepare(config, development=True)
            command = [str(config.python), "-m", f"benchmarks.{options.name}", *options.arguments]
            return subprocess.run(command, cwd=config.root, env=dict(config.environment), check=False).returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
