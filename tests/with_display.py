"""Run a command with a display: `python tests/with_display.py pytest tests`.

The tests open real windows. On Linux without a display the command runs under a virtual one
(Xvfb) with a window manager (herbstluftwm). System libraries that lack are installed where
apt-get and root are at hand, else named in one line.
"""

import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = {"xvfb": "Xvfb", "herbstluftwm": "herbstluftwm"}
LIBRARIES = {
    "libegl1": "libEGL.so.1",
    "libgl1": "libGL.so.1",
    "libdbus-1-3": "libdbus-1.so.3",
    "libfontconfig1": "libfontconfig.so.1",
    "libglib2.0-0": "libgthread-2.0.so.0",
    "libxcb-cursor0": "libxcb-cursor.so.0",
    "libxcb-icccm4": "libxcb-icccm.so.4",
    "libxcb-image0": "libxcb-image.so.0",
    "libxcb-keysyms1": "libxcb-keysyms.so.1",
    "libxcb-randr0": "libxcb-randr.so.0",
    "libxcb-render-util0": "libxcb-render-util.so.0",
    "libxcb-shape0": "libxcb-shape.so.0",
    "libxcb-xkb1": "libxcb-xkb.so.1",
    "libxkbcommon-x11-0": "libxkbcommon-x11.so.0",
}
SOFTWARE_OPENGL = "libgl1-mesa-dri"
SCREEN = os.environ.get("SCREEN_SIZE", "1920x1200") + "x24"
START_LIMIT_S = 30.0


def main(command: list[str]) -> int:
    """Run the command, with a display of its own where there is none, and return its exit status."""
    if not sys.platform.startswith("linux") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return run(command)
    if lacking := missing_packages():
        install(lacking)
    with virtual_display() as display:
        return run(command, DISPLAY=display)


def run(command: list[str], **variables: str) -> int:
    """Run the command with added environment variables."""
    return subprocess.run(command, env=os.environ | variables, check=False).returncode


def missing_packages() -> list[str]:
    """Return the Debian packages whose program or library this machine lacks."""
    lacking = [package for package, program in PROGRAMS.items() if shutil.which(program) is None]
    lacking += [package for package, library in LIBRARIES.items() if not can_be_loaded(library)]
    if not any(Path("/usr").glob("lib*/dri/*_dri.so")) and not any(Path("/usr/lib").glob("*/dri/*_dri.so")):
        lacking.append(SOFTWARE_OPENGL)
    return lacking


def can_be_loaded(library: str) -> bool:
    """Ask the dynamic linker, which knows where each distribution keeps its libraries."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def install(packages: list[str]) -> None:
    """Install the packages, or end with the one line that says which are missing."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        sys.exit(
            f"The tests open windows and this machine lacks: {' '.join(packages)} (Debian's names). "
            f"Install them, on Debian and Ubuntu with: sudo apt-get install {' '.join(packages)}"
        )
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(
            ["apt-get", "-qq", *step],
            env=quiet,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        # A stale or partly reachable list of packages may still do; a failed installation does not.
        if done.returncode != 0 and step != ["update"]:
            sys.exit(f"{done.stdout}\nThe tests need these packages: {' '.join(packages)}")


@contextmanager
def virtual_display() -> Iterator[str]:
    """Give a display number with a window manager on it, as long as the block runs."""
    reader, writer = os.pipe()
    # Else it begins anew when the first question to the manager has come and gone, and ends the manager.
    xvfb = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", SCREEN, "-nolisten", "tcp", "-noreset"],
        pass_fds=[writer],
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    with os.fdopen(reader) as answer:
        number = answer.readline().strip()
    if not number:
        sys.exit("Xvfb did not start; run it by hand to see why.")
    display = f":{number}"
    environment = os.environ | {"DISPLAY": display}
    # Its usual autostart sets up a desktop that no test needs.
    manager = subprocess.Popen(
        ["herbstluftwm", "--autostart", "/bin/true"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_manager(environment)
        yield display
    finally:
        for process in (manager, xvfb):
            process.terminate()
            process.wait()


def wait_for_manager(environment: dict[str, str]) -> None:
    """Return once the window manager answers."""
    limit = time.monotonic() + START_LIMIT_S
    question = ["herbstclient", "version"]
    while subprocess.run(question, env=environment, capture_output=True, check=False).returncode != 0:
        if time.monotonic() > limit:
            sys.exit("herbstluftwm did not start; run it by hand to see why.")
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
