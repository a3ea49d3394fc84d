-- What is to be posted: planned tasks wait here with all that is sent, and each call of task_post leaves a trace.

create table post_call (
    id        integer primary key,
    function  text not null,
    begun_at  integer not null,
    ended_at  integer,
    outcome   text,
    code      integer,
    tasks     integer not null,
    posted    integer not null default 0,
    rejected  integer not null default 0,
    why       text
) strict;

create index post_call_begun on post_call (begun_at);

create table intent (
    key     text primary key,
    task_id text not null unique references task (id),
    payload text not null,
    batch   text not null,
    line    integer not null,
    call_id integer references post_call (id),
    alone   integer not null default 0 check (alone in (0, 1))
) strict;

create index intent_call on intent (call_id) where call_id is not null;

-- Both indexes hold only what is under way; their last, unwritten column is the row's number, so they keep the order
-- of planning.
create index task_planned on task (function, priority desc, recorded_at) where state = 'planned';
create index task_posting on task (function) where state = 'posting';
create index task_plan_unruled on task (recorded_at) where state = 'planned' and priority_source = 'posted';
