"""Run by test_post_kills: a simulated remote that writes down the tag of every task it takes. Not a test.

Usage: kill_remote.py FILE
"""

import sys
from pathlib import Path
from typing import Any

from daemon.simulator import account, posting, server

took = Path(sys.argv[1]).open("a", encoding="ascii")  # noqa: SIM115  open as long as the process lives
create = posting.create


def written(*words: Any) -> Any:
    task = create(*words)
    took.write(f"{task.tag}\n")
    took.flush()
    return task


posting.create = written
account.SMALL_LIMITS["id_list"] = (
    100_000  # what takes minutes of waiting otherwise is another test's business
)
server.serve(port=0, seed=5, turnaround_s=86_400)
