"""The tables as peewee models, for reads and rare writes. Nothing outside `ledger` imports them.

The schema itself is in `ledger/migrations`; a test keeps both equal. Audits and results are read by column and have
no model. The models belong to no database: each query is executed on the connection of the ledger that asks, so
several ledgers can be open in one process.
"""

from peewee import FloatField, IntegerField, Model, TextField


class TaskRow(Model):
    """One posted task."""

    id = TextField(primary_key=True)
    function = TextField()
    state = TextField()
    tag = TextField(null=True)
    priority = IntegerField(default=1)
    remote_priority = IntegerField(default=1)
    priority_source = TextField(default="posted")
    variant = TextField(null=True)
    endpoint = TextField(null=True)
    webhook = TextField(default="none")
    posted_at = IntegerField()
    recorded_at = IntegerField()
    ready_at = IntegerField(null=True)
    earliest_done_at = IntegerField(null=True)
    latest_done_at = IntegerField(null=True)
    pending_at = IntegerField(null=True)
    blocked_at = IntegerField(null=True)
    settled_at = IntegerField(null=True)
    attempts = IntegerField(default=0)
    next_try_at = IntegerField(null=True)
    code = IntegerField(null=True)
    message = TextField(null=True)
    band = TextField(default="fresh")
    expires_at = IntegerField(null=True)
    cost = FloatField(null=True)

    class Meta:
        """Where it lives."""

        table_name = "task"
        strict_tables = True


class TransitionRow(Model):
    """One move of one task."""

    id = IntegerField(primary_key=True)
    task_id = TextField()
    from_state = TextField(null=True)
    to_state = TextField()
    reason = TextField()
    at = IntegerField()

    class Meta:
        """Where it lives."""

        table_name = "transition"
        strict_tables = True


class PollRow(Model):
    """One call of one listing."""

    id = IntegerField(primary_key=True)
    listing = TextField()
    asked_at = IntegerField()
    answered_at = IntegerField(null=True)
    outcome = TextField(null=True)
    code = IntegerField(null=True)
    rows = IntegerField(null=True)
    saturated = IntegerField(default=0)
    ready = IntegerField(default=0)
    foreign_rows = IntegerField(default=0)
    why = TextField()

    class Meta:
        """Where it lives."""

        table_name = "poll"
        strict_tables = True


class LookRow(Model):
    """The newest answers of one listing."""

    listing = TextField(primary_key=True)
    asked_at = IntegerField(null=True)
    answered_at = IntegerField(null=True)
    clear_at = IntegerField(null=True)
    saturated = IntegerField(default=0)
    rows = IntegerField(default=0)
    foreign_rows = IntegerField(default=0)
    failures = IntegerField(default=0)

    class Meta:
        """Where it lives."""

        table_name = "look"
        strict_tables = True


class AlertRow(Model):
    """A condition that opened, may escalate, and closes."""

    id = IntegerField(primary_key=True)
    kind = TextField()
    subject = TextField()
    step = TextField()
    count = IntegerField()
    nearest_deadline_at = IntegerField(null=True)
    task_ids = TextField(default="[]")
    detail = TextField()
    command = TextField()
    opened_at = IntegerField()
    escalated_at = IntegerField(null=True)
    said_at = IntegerField()
    quiet_since = IntegerField(null=True)
    closed_at = IntegerField(null=True)

    class Meta:
        """Where it lives."""

        table_name = "alert"
        strict_tables = True


class FactRow(Model):
    """A small fact about the ledger itself."""

    name = TextField(primary_key=True)
    value = TextField()
    at = IntegerField()

    class Meta:
        """Where it lives."""

        table_name = "fact"
        strict_tables = True
