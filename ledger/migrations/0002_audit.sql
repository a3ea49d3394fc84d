-- What id_list told: how far the audit of each API has come, and each call of it.

create table audit (
    api          text primary key,
    asked_at     integer,
    answered_at  integer,
    failures     integer not null default 0 check (failures >= 0),
    sweep_at     integer,
    from_at      integer,
    to_at        integer,
    page_offset  integer not null default 0 check (page_offset >= 0),
    finished_at  integer,
    seen_to      integer,
    rows         integer not null default 0,
    foreign_rows integer not null default 0
) strict;

create table audit_call (
    id           integer primary key,
    api          text not null,
    asked_at     integer not null,
    answered_at  integer,
    outcome      text,
    code         integer,
    from_at      integer not null,
    to_at        integer not null,
    page_offset  integer not null,
    rows         integer,
    exact        integer not null default 0,
    ready        integer not null default 0,
    adopted      integer not null default 0,
    foreign_rows integer not null default 0,
    why          text not null
) strict;

create index audit_call_asked on audit_call (asked_at);

-- An audit is for tasks whose completion time is not exact. The index of outstanding tasks learns to tell them apart:
-- a second index would make every look and every result a fifth slower.
drop index task_outstanding;
create index task_outstanding on task (function, state, posted_at, webhook, priority, blocked_at, ready_at,
                                       earliest_done_at, latest_done_at)
    where state in ('posted', 'ready');
