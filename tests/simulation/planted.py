"""Bugs that a careless hand might have written, as patches of readyd, and for each a world that finds it.

`make simulate-bugs` hunts them all from the first world on; the table is what it printed.
"""

from tests.simulation.bugs import Bug, bug

BUGS: tuple[Bug, ...] = (
    bug(
        "state before body",
        56,
        (
            "daemon.passes.recorder",
            """
-        if kept:
-            ledger.save_bodies(kept)
         ends = [one for one in decisions if isinstance(one, Settlement)]
         settled = ledger.settle(ends) if ends else ()
+        if kept:
+            ledger.save_bodies(kept)
""",
        ),
    ),
    bug(
        "a webhook's state before its body",
        538,
        (
            "daemon.passes.received",
            """
-        if bodies:
-            tools.ledger.save_bodies(bodies)
         if signs or ends:
             tools.ledger.record_arrivals(signs, ends, lag_ms=tools.rules.list_lag_ms)
             self._say(ends, sum(len(body.gzip) for body in bodies))
+        if bodies:
+            tools.ledger.save_bodies(bodies)
""",
        ),
    ),
    bug(
        "no look-up before re-post",
        12,
        (
            "daemon.passes.lookup",
            """
-        due = self._proofs.due(unknown, ticks, tools.rules)
+        tools.ledger.intents.absent([one.call_id for one in unknown], tools.now())
+        due = self._proofs.due([], ticks, tools.rules)
""",
        ),
    ),
    bug(
        "saturated read as lost",
        19,
        (
            "daemon.passes.reconcile",
            """
+        if seen.saturated:
+            from ledger.records import Reason, Settlement, State
+            functions = next(scope for scope in tools.scopes if scope.listing == ask.listing).functions
+            tools.ledger.settle([
+                Settlement(task.id, task.state, State.LOST, Reason.NOT_FOUND, None, None, now)
+                for task in tools.ledger.tasks.candidates(now)
+                if task.function in functions and task.id not in seen.ids and task.state is State.READY
+            ])
         blocked = blocking.run(tools, now)
""",
        ),
    ),
    bug(
        "a full window taken for a whole list",
        1,
        (
            "daemon.policy.window",
            """
-    return Window(frozenset(one.task_id for one in sightings), rows, rows >= rules.window_cap)
+    return Window(frozenset(one.task_id for one in sightings), rows, rows > rules.window_cap)
""",
        ),
    ),
    bug(
        "deadline from posting time",
        71,
        (
            "daemon.policy.expiry",
            """
-        return task.earliest_done_at, task.earliest_done_at
+        return task.posted_at, task.earliest_done_at
""",
        ),
    ),
    bug(
        "DEFERRED transactions",
        3,
        (
            "ledger.database",
            """
-            lock_type="IMMEDIATE",
+            lock_type="DEFERRED",
""",
        ),
    ),
    bug(
        "budget of lists per process",
        4,
        (
            "daemon.composition",
            """
-    asked = [ticks - max(0, now - at) for at in ledger.polls.asked_since(now - MINUTE_MS)]
+    asked: list[int] = []
""",
        ),
    ),
    bug(
        "alert said before it is kept",
        8,
        (
            "daemon.passes.review",
            """
-        for alert in tools.ledger.alerts.write(group) if group else []:
+        for alert in group:
             _say(tools, event, alert, now)
+        if group:
+            tools.ledger.alerts.write(group)
""",
        ),
    ),
    bug(
        "40602 as a failure",
        19,
        (
            "daemon.dataforseo.codes",
            """
-    (40602, "Task In Queue.", Kind.PENDING, _LATER),
+    (40602, "Task In Queue.", Kind.DEAD, _LATER),
""",
        ),
    ),
    bug(
        "outer id used",
        19,
        (
            "daemon.dataforseo.wire",
            """
     rows, oddities = read_rows(raws, listing)
+    import dataclasses
+    rows = [dataclasses.replace(one, task_id=shapes.text(call.elements[0].id)) for one in rows]
""",
        ),
    ),
    bug(
        "synchronous NORMAL",
        12,
        (
            "ledger.engine",
            """
-        return Engine(text, "wal", "full", None)
+        return Engine(text, "wal", "normal", None)
""",
        ),
        (
            "ledger.database",
            """
-_SYNCHRONOUS = {"full": 2, "extra": 3}
+_SYNCHRONOUS = {"normal": 1, "full": 2, "extra": 3}
""",
        ),
    ),
    bug(
        "time zone dropped",
        10,
        (
            "daemon.dataforseo.rows",
            """
-        moment = datetime.fromisoformat(f"{day}T{time.replace('-', ':')}{offset or 'Z'}")
+        moment = datetime.fromisoformat(f"{day}T{time.replace('-', ':')}Z")
""",
        ),
    ),
    bug(
        "unbounded retry",
        33,
        (
            "daemon.policy.answers",
            """
-    delay = _jittered(_delay(task, answer.kind, attempts, now, rules), task.id, attempts)
+    delay = 0
""",
        ),
    ),
    bug(
        "one 40401 is proof",
        33,
        (
            "daemon.policy.answers",
            """
     in_a_row = _in_a_row(task, NOT_FOUND_CODE)
-    return now - task.posted_at >= rules.not_found_grace_ms and in_a_row >= rules.not_found_tries
+    return in_a_row >= 1
""",
        ),
    ),
    bug(
        "everybody's tasks adopted",
        12,
        (
            "daemon.policy.choices",
            """
-    return any(matches(rule, function, tag) for rule in rules.adopt_rules)
+    return True
""",
        ),
    ),
    bug(
        "a new edition replaces the old one",
        136,
        (
            "daemon.passes.recorder",
            """
-        kept = [replace(one.body, edition=here.edition) for one, here in found if one.body is not None]
+        kept = [replace(one.body, edition=1) for one, here in found if one.body is not None]
""",
        ),
    ),
    bug(
        "budgets on the wall clock",
        25,
        (
            "daemon.passes.tools",
            """
-        return round(self.clock.monotonic() * 1000)
+        return self.clock.now()
""",
        ),
    ),
    bug(
        # In both places: where only one of them is careless, the other makes good what a world can see.
        "a set clock not noticed",
        12,
        (
            "daemon.service",
            """
-        if abs(moved_s) > clock_step.STEP_S:
+        if abs(moved_s) > 1_000_000_000:
""",
        ),
        (
            "daemon.service",
            """
-        if self.tools.ticks() - self._ticked_at > 2 * TICK_S * 1000:
+        if self.tools.ticks() - self._ticked_at > 1_000_000_000_000:
""",
        ),
    ),
    # Bugs that readyd had, and that simulated worlds found.
    bug(
        "instants of the future believed",
        35,
        (
            "daemon.policy.probing",
            """
-    if written_at <= now and (task.next_try_at or 0) <= latest:
+    if written_at or latest:
""",
        ),
        (
            "ledger.clock_set",
            """
-    if by_ms < 0:
+    if not by_ms:
         _forget(database, at)
-    if -MOST_MS <= by_ms < 0:
+    if not by_ms:
""",
        ),
    ),
    bug(
        '"not yet" dated by its answer',
        74,
        (
            "daemon.passes.recorder",
            """
-        return replace(found, pending_at=min(found.pending_at, one.asked_at))
+        return found
""",
        ),
    ),
    bug(
        "another list's answer taken for this one's",
        219,
        (
            "daemon.dataforseo.wire",
            """
-        other = path != listing.path and path in LISTINGS
+        other = False
""",
        ),
    ),
    bug(
        "the usual form under the name of another",
        400,
        (
            "daemon.passes.collect",
            """
-            return listed.path, form
+            return listed.path, variant
""",
        ),
        (
            "daemon.passes.collect",
            """
-        if path is None or (task.attempts % 2 == 1 and form == variant):
+        if path is None or task.attempts % 2 == 1:
""",
        ),
    ),
)
