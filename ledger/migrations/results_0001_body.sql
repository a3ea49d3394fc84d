-- One month's results: each answer as it came, gzip of the whole envelope.

create table body (
    task_id    text not null,
    variant    text not null,
    fetched_at integer not null,
    code       integer not null,
    size       integer not null,
    gzip       blob not null,
    primary key (task_id, variant)
) strict;
