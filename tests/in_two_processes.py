"""Run all tests, those of the windows in a process of their own.

Other tests load TensorFlow, which would crash the windows' OpenGL. With arguments, such as the
name of a test file, pytest runs once with those.
"""

import subprocess
import sys

WINDOWS = "tests/widgets"


def main(arguments: list[str]) -> int:
    """Run pytest and return the worst exit status."""
    runs = [arguments] if arguments else [[WINDOWS], ["--ignore", WINDOWS]]
    return max(subprocess.run([sys.executable, "-m", "pytest", *run], check=False).returncode for run in runs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
