-- Why the newest failed delivery of a task's webhook failed, as the remote tells it. Without the URL: it holds a secret.

create table delivery_failure (
    task_id   text primary key references task (id),
    webhook   text not null check (webhook in ('pingback', 'postback')),
    at        integer not null,
    host      text,
    http_code integer,
    took_ms   integer,
    answer    text,
    code      integer,
    message   text
) strict, without rowid;

create index delivery_failure_at on delivery_failure (at);
