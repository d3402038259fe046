"""The command line of `./aura`."""

import argparse
import subprocess
import sys

from aura_site import dotenv
from aura_site.launcher import checks, features, installation, lifecycle, nginx, processes
from aura_site.launcher.config import Config, given
from aura_site.launcher.console import complain, say
from aura_site.launcher.errors import LauncherError, explained
from aura_site.launcher.stopping import asked


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
    test.add_argument("--cluster", action="store_true", help="run the tests on PostgreSQL and Redis, and nothing else")
    test.add_argument("pytest", nargs="*", help="arguments for pytest, behind --")
    commands.add_parser("demo", help="hold a scripted conversation and show its bytes and its record")
    key = commands.add_parser("createkey", help="make an API key and print it once")
    key.add_argument("name", help="what the key is for")
    key.add_argument("--user", default="", help="whose key (default: the first administrator)")
    for word in ("enable", "disable"):
        switch = commands.add_parser(word, help=f"{word} features in .env; without names the usual ones")
        switch.add_argument("features", nargs="*", metavar="FEATURE", help=", ".join(features.FEATURES))
        switch.add_argument("--dry-run", action="store_true", help="only say what would be written")
    dev = commands.add_parser("dev", help="run with reload and debugging")
    dev.add_argument("--dry-run", action="store_true", help="only say what would run")
    proxy = commands.add_parser(
        "nginx", help="print a configuration for nginx in front of AURA, and have nginx check it"
    )
    proxy.add_argument("--name", default="_", help="host name that browsers use (default: any)")
    proxy.add_argument("--certificate", default="", help="file of the TLS certificate; with it HTTP/2 is spoken")
    proxy.add_argument("--key", default="", help="file of its key")
    proxy.add_argument("--port", type=int, default=0, help="port to listen on (default: 443 with TLS, else 80)")
    proxy.add_argument(
        "--server",
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="a server of AURA; may be given several times",
    )
    proxy.add_argument("--output", default="", metavar="FILE", help="write it to a file instead")
    proxy.add_argument("--dry-run", action="store_true", help="with --output: only say what would be written")
    part = commands.add_parser("run", help="be one part in the foreground, for systemd and containers")
    part.add_argument("part", choices=("server", "worker", "manage"))
    part.add_argument("arguments", nargs=argparse.REMAINDER, help="for manage: a command of manage.py")
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


def benchmarks(config: Config) -> list[str]:
    """Return the names of the benchmarks. Beside them stand what they share, and programs that they start themselves."""
    return sorted(
        path.stem
        for path in (config.root / "benchmarks").glob("[a-z]*.py")
        if not path.stem.endswith("_worker")
        and '__name__ == "__main__"' in (text := path.read_text())
        and "sys.argv[" not in text
    )


def bench(config: Config, name: str, arguments: list[str]) -> int:
    """Run a benchmark and return its exit status."""
    found = benchmarks(config)
    if name not in found:
        raise LauncherError(f"There is no benchmark called {name}; there are: {', '.join(found) or 'none yet'}.")
    installation.prepare(config, development=True)
    command = [str(config.python), "-m", f"benchmarks.{name}", *arguments]
    return subprocess.run(command, cwd=config.root, env=dict(config.environment), check=False).returncode


def proxy(config: Config, options: argparse.Namespace) -> None:
    """Print or write the configuration for nginx once nginx has taken it. What is printed is nothing but the file."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.host, config.host)
    own = f"[{host}]:{config.port}" if ":" in host else f"{host}:{config.port}"
    program = nginx.binary()
    version = nginx.version(program) if program else (0,)
    servers = tuple(options.server) or (own,)
    certificate, key = (str(given(path)) if path else "" for path in (options.certificate, options.key))
    site = nginx.Site(servers, options.name, certificate, key, options.port, version)
    if program:
        nginx.check(site, program)
        complain(f"nginx {'.'.join(map(str, version))} takes this configuration.")
    else:
        complain("nginx is not installed here, so the configuration was not checked (Debian: apt install nginx-light).")
    text = nginx.render(site)
    if not options.output:
        say(text.rstrip("\n"))
        return
    path = given(options.output)
    same = path.is_file() and path.read_text() == text
    if same or options.dry_run:
        complain(f"{path} {'is so already' if same else 'would be written'}.")
        return
    path.write_text(text)
    complain(f"Written to {path}; have nginx read it: nginx -s reload.")


def main(arguments: list[str]) -> int:
    """Run one command and return the exit status."""
    options = parser().parse_args(arguments)
    asked.catch()
    try:
        config = Config.load()
        try:
            return _run(options, config)
        except OSError as error:
            raise LauncherError(explained(error, config.data)) from None
    except (LauncherError, dotenv.DotenvError) as error:
        complain(str(error))
        return 1


def _run(options: argparse.Namespace, config: Config) -> int:
    match options.command:
        case "up":
            lifecycle.up(config, detach=options.detach)
        case "down":
            lifecycle.down(config)
        case "status":
            well = lifecycle.status(processes.as_started(config))
            features.show(config)
            return 0 if well else 1
        case "link":
            installation.prepare(config)
            lifecycle.link(processes.as_started(config))
        case "test":
            wanted = {"require_all": options.require_all, "cluster": options.cluster}
            return 0 if checks.run(config, pytest_arguments=options.pytest, **wanted) else 1
        case "demo":
            return demo(processes.as_started(config))
        case "createkey":
            installation.prepare(config)
            extra = ["--user", options.user] if options.user else []
            say(lifecycle.manage(config, "createkey", options.name, *extra).strip())
        case "dev":
            lifecycle.dev(config, dry_run=options.dry_run)
        case _:
            return _arrange(options, config)
    return 0


def _arrange(options: argparse.Namespace, config: Config) -> int:
    """Run a command that starts nothing to be looked after."""
    match options.command:
        case "enable" | "disable":
            running = bool(processes.running(config))
            on = options.command == "enable"
            features.switch(config, options.features, on=on, dry_run=options.dry_run, running=running)
        case "nginx":
            proxy(config, options)
        case "run":
            lifecycle.become(config, options.part, options.arguments)
        case "bench":
            return bench(config, options.name, options.arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
