-- Later editions of results: a re-parsed task comes back under the same id, and both are kept. The first editions stay
-- where they are: a wider primary key would mean to copy every result of the month.

create table later_body (
    task_id    text not null,
    variant    text not null,
    edition    integer not null check (edition > 1),
    fetched_at integer not null,
    code       integer not null,
    size       integer not null,
    gzip       blob not null,
    primary key (task_id, variant, edition)
) strict;

create view bodies as
select task_id, variant, 1 as edition, fetched_at, code, size, gzip from body
union all
select task_id, variant, edition, fetched_at, code, size, gzip from later_body;
