#!/usr/bin/env python3
"""Three ways into the package, as scripts that hold the commands of the README and nothing else.

.ci/paths.py votes            run one of votes, images, paper in an empty environment and folder
.ci/paths.py --print votes    print it instead: a bash script, for an environment with the package
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^<!-- (\w+)(?:: (\S+))? -->\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATHS = ("votes", "images", "paper")


def script(path: str) -> str:
    """Join what a reader types and saves, in the order of the page."""
    parts = ["set -euo pipefail"]
    for name, file, language, code in BLOCK.findall((ROOT / "README.md").read_text("utf-8")):
        if name != path:
            continue
        if language == "sh":
            parts.append(code.strip())
        else:
            to = f"cat > {file}" if file else "python -W default -"
            parts.append(f"{to} <<'END'\n{code}END")
    return "\n".join(parts) + "\n"


def run(path: str) -> None:
    """Run a path as its reader does."""
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder, "environment")
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        known = os.environ | {"PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        install = ["pip", "install", "-q", "-c", "constraints.txt", ".[all]"]
        subprocess.run(install, cwd=ROOT, env=known, check=True)
        work = Path(folder, "work")
        work.mkdir()
        if path == "paper":
            subprocess.run(["python", "-c", EXAMPLES], cwd=work, env=known, check=True)
        subprocess.run(["bash", "-c", script(path)], cwd=work, env=known, check=True)
        print(*sorted(str(file.relative_to(work)) for file in work.glob("**/*.*"))[:20], sep="\n")


#: The three files that the reader of "paper" has already.
EXAMPLES = """
from scipy.io import savemat
from sklearn_ldl.datasets import make_ldl
for seed, name in enumerate("abc"):
    X, D = make_ldl(40, n_votes=10, random_state=seed)
    savemat(f"{name}.mat", {"features": X, "labels": D})
"""


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", choices=PATHS, default=PATHS)
    parser.add_argument("--print", action="store_true", help="show the script, run nothing")
    given = parser.parse_args()
    for path in given.paths:
        if given.print:
            print(script(path), end="")
        else:
            run(path)


if __name__ == "__main__":
    main()
