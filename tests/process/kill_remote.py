"""Run by the fault tests: a simulated remote that writes down the tag of every task it takes. Not a test.

Usage: kill_remote.py FILE SECONDS [LAG_MS], where SECONDS is how long a task takes. Its limits are out of everybody's
way: what takes minutes of waiting otherwise is another test's business.
"""

import sys
from pathlib import Path
from typing import Any

from daemon.simulator import account, options, posting, server

took = Path(sys.argv[1]).open("a", encoding="ascii")  # noqa: SIM115  open as long as the process lives
create = posting.create
PLENTY = 100_000


def written(*words: Any) -> Any:
    task = create(*words)
    took.write(f"{task.tag}\n")
    took.flush()
    return task


posting.create = written
account.SMALL_LIMITS.update(dict.fromkeys(account.SMALL_LIMITS, PLENTY))
server.serve(
    port=0,
    seed=5,
    options=options.Options(
        turnaround=options.Turnaround.around(float(sys.argv[2])),
        list_lag_ms=(0, int(sys.argv[3]) if len(sys.argv) > 3 else 40_000),
        general_limit=PLENTY,
        tasks_ready_limit=PLENTY,
    ),
)
