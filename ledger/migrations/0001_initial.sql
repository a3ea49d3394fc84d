-- The ledger's first schema. Times are integer UTC milliseconds (the views in ledger/views.sql show text).

create table task (
    id               text primary key,
    function         text not null,
    state            text not null check (state in ('planned', 'posting', 'posted', 'ready', 'collected',
                                                    'delivered', 'failed', 'lost', 'rejected')),
    tag              text,
    priority         integer not null default 1,
    remote_priority  integer not null default 1,
    priority_source  text not null default 'posted' check (priority_source in ('posted', 'rule', 'user')),
    variant          text,
    endpoint         text,
    webhook          text not null default 'none' check (webhook in ('none', 'pingback', 'postback')),
    posted_at        integer not null,
    recorded_at      integer not null,
    ready_at         integer,
    earliest_done_at integer,
    latest_done_at   integer,
    pending_at       integer,
    blocked_at       integer,
    settled_at       integer,
    attempts         integer not null default 0,
    next_try_at      integer,
    code             integer,
    message          text,
    band             text not null default 'fresh' check (band in ('fresh', 'expiring', 'urgent', 'critical', 'past')),
    expires_at       integer,
    cost             real
) strict;

-- What is still to be brought home is a small part of a ledger that only grows: index that part alone.
create index task_outstanding on task (function, state, posted_at, webhook, priority, blocked_at)
    where state in ('posted', 'ready');
create index task_waiting on task (next_try_at) where next_try_at is not null and state in ('posted', 'ready');
create index task_blocked on task (blocked_at) where blocked_at is not null and state in ('posted', 'ready');
create index task_unruled on task (id) where priority_source = 'posted' and state in ('posted', 'ready');
create index task_settled on task (settled_at) where settled_at is not null;
create index task_tag on task (tag) where tag is not null;

create table transition (
    id         integer primary key,
    task_id    text not null references task (id),
    from_state text check (from_state in ('planned', 'posting', 'posted', 'ready', 'collected',
                                          'delivered', 'failed', 'lost', 'rejected')),
    to_state   text not null check (to_state in ('planned', 'posting', 'posted', 'ready', 'collected',
                                                 'delivered', 'failed', 'lost', 'rejected')),
    reason     text not null,
    at         integer not null
) strict;

create index transition_task on transition (task_id, id);

create table poll (
    id          integer primary key,
    listing     text not null,
    asked_at    integer not null,
    answered_at integer,
    outcome     text,
    code        integer,
    rows        integer,
    saturated   integer not null default 0 check (saturated in (0, 1)),
    ready       integer not null default 0,
    foreign_rows integer not null default 0,
    why         text not null
) strict;

create index poll_asked on poll (asked_at);

create table look (
    listing      text primary key,
    asked_at     integer,
    answered_at  integer,
    clear_at     integer,
    saturated    integer not null default 0 check (saturated in (0, 1)),
    rows         integer not null default 0,
    foreign_rows integer not null default 0,
    failures     integer not null default 0
) strict;

create table alert (
    id                  integer primary key,
    kind                text not null,
    subject             text not null,
    step                text not null,
    count               integer not null,
    nearest_deadline_at integer,
    task_ids            text not null default '[]',
    detail              text not null,
    command             text not null,
    opened_at           integer not null,
    escalated_at        integer,
    said_at             integer not null,
    quiet_since         integer,
    closed_at           integer
) strict;

create unique index alert_open on alert (kind, subject) where closed_at is null;

-- Small facts about the ledger itself: when readyd last started, what the account allows, ...
create table fact (
    name  text primary key,
    value text not null,
    at    integer not null
) strict;
