"""An engine on a disk that runs full, in a mount of its own: `unshare --mount --map-root-user python full_disk.py DIR`.

Prints one JSON object of what was seen at each step; the disk ends with this process.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from core.errors import EnvironmentFault
from core.run import launch
from core.run.folder import RunFolder
from tests.core.run.run_tools import QUICK, command, follow


def main(place: Path) -> dict[str, object]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)], check=True)
    folder = RunFolder.create(place, "", "shop")
    child = launch.start(folder, command=command("--fill-disk-at", "6"))
    full = follow(folder)
    said: dict[str, object] = {
        "state": full.status.state,
        "error": full.status.error,
        "codes": [full.status.exit_code, child.wait()],
        "last words": full.state.state,
        "left": [path.name for path in folder.path.rglob(".*")],
    }
    try:
        with (folder.path / "second").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(512))
    except OSError as error:
        said["second"] = error.strerror
    try:
        launch.launch(folder, command=command())
    except EnvironmentFault as fault:
        said["start"] = fault.message
    for name in ("filler", "second"):
        (folder.path / name).unlink()
    launch.launch(folder, command=command(*QUICK))
    healthy = follow(folder)
    said["afterwards"] = [healthy.status.state, healthy.state.missing, healthy.bad_lines]
    return said


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
