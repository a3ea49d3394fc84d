-- Results leave the ledger for where the user works: each target by itself, at least once, the important ones first.

create table target (
    name          text primary key,
    kind          text not null check (kind in ('directory', 'http', 'object')),
    first_seen_at integer not null,
    backfill      integer not null check (backfill in (0, 1)),
    -- The newest transition that was looked at for this target. Transitions are numbered in the order in which they
    -- were committed, whatever the clock did; a new target begins at the newest one, so it costs no walk over the rest.
    seen          integer not null,
    -- Counted as it happens: a backfill may let a million results wait, and a review asks every minute.
    enrolled      integer not null default 0 check (enrolled >= 0),
    handed        integer not null default 0 check (handed between 0 and enrolled),
    handed_at     integer,
    failures      integer not null default 0 check (failures >= 0),
    failing_since integer,
    next_try_at   integer,
    problem       text
) strict;

create table handover (
    target        text not null references target (name),
    task_id       text not null references task (id),
    edition       integer not null check (edition > 0),
    priority      integer not null,
    transition_id integer not null,
    handed_at     integer,
    attempts      integer not null default 0 check (attempts >= 0),
    next_try_at   integer,
    problem       text,
    primary key (target, task_id, edition)
) strict, without rowid;

-- What is due, in its order; what was handed over is not in it. `next_try_at` is there so that what is held back is
-- passed over without a look at its row.
create index handover_waiting on handover (target, priority desc, transition_id, next_try_at)
    where handed_at is null;
create index handover_stuck on handover (target) where handed_at is null and attempts >= 5;
create index handover_held on handover (target, next_try_at) where handed_at is null and next_try_at is not null;
