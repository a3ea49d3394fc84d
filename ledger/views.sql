-- What a person sees: sqlite3 ledger.db 'select * from open_tasks'. Times are UTC. Recreated whenever this differs.

create view open_tasks as
select id, function, tag, state, priority,
       strftime('%Y-%m-%d %H:%M:%SZ', posted_at / 1000, 'unixepoch') as waiting_since,
       band,
       strftime('%m-%d %H:%M', earliest_done_at / 1000, 'unixepoch') || ' .. '
           || strftime('%m-%d %H:%M', latest_done_at / 1000, 'unixepoch') as done_between,
       attempts as tries,
       strftime('%Y-%m-%d %H:%M:%SZ', next_try_at / 1000, 'unixepoch') as next_try,
       code || coalesce(' ' || message, '') as last_answer,
       strftime('%Y-%m-%d %H:%M:%SZ', blocked_at / 1000, 'unixepoch') as blocked_since
from task
where state in ('posted', 'ready')
order by posted_at desc, id desc;

-- Tasks that Tasks Ready will forget soon (or has forgotten), the nearest first.
create view expiring as
select id, function, tag, state, priority, band,
       case when expires_at / 1000 <= cast(strftime('%s', 'now') as integer)
            then 'past by ' || ((cast(strftime('%s', 'now') as integer) - expires_at / 1000) / 3600) || ' h '
                 || ((cast(strftime('%s', 'now') as integer) - expires_at / 1000) / 60 % 60) || ' min'
            else ((expires_at / 1000 - cast(strftime('%s', 'now') as integer)) / 3600) || ' h '
                 || ((expires_at / 1000 - cast(strftime('%s', 'now') as integer)) / 60 % 60) || ' min'
       end as time_left,
       strftime('%Y-%m-%d %H:%M:%SZ', expires_at / 1000, 'unixepoch') as listed_until,
       strftime('%m-%d %H:%M', earliest_done_at / 1000, 'unixepoch') || ' .. '
           || strftime('%m-%d %H:%M', latest_done_at / 1000, 'unixepoch') as done_between,
       attempts as tries,
       code || coalesce(' ' || message, '') as last_answer
from task
where state in ('posted', 'ready') and band <> 'fresh'
order by expires_at is null, expires_at, id;

-- Believed complete, and hidden behind full windows; the longest hidden first.
create view blocked as
select id, function, tag, priority,
       strftime('%Y-%m-%d %H:%M:%SZ', blocked_at / 1000, 'unixepoch') as blocked_since,
       ((cast(strftime('%s', 'now') as integer) - blocked_at / 1000) / 3600) || ' h '
           || ((cast(strftime('%s', 'now') as integer) - blocked_at / 1000) / 60 % 60) || ' min' as for_how_long,
       attempts as tries,
       strftime('%Y-%m-%d %H:%M:%SZ', next_try_at / 1000, 'unixepoch') as next_try,
       code || coalesce(' ' || message, '') as last_answer
from task
where state in ('posted', 'ready') and blocked_at is not null
order by blocked_at, id;

create view recent_transitions as
select strftime('%Y-%m-%d %H:%M:%SZ', transition.at / 1000, 'unixepoch') as at,
       transition.task_id as id,
       task.function, task.tag,
       transition.from_state, transition.to_state, transition.reason
from transition left join task on task.id = transition.task_id
order by transition.id desc;

create view polls as
select id,
       strftime('%Y-%m-%d %H:%M:%SZ', asked_at / 1000, 'unixepoch') as asked,
       listing, why,
       coalesce(outcome, 'no answer') as outcome,
       code, rows,
       case saturated when 1 then 'full' end as window,
       ready, foreign_rows,
       round((answered_at - asked_at) / 1000.0, 1) as took_s
from poll
order by id desc;

-- How far the audit of each API has come: id_list names every task of a period, also what no list shows.
create view audits as
select api,
       case when sweep_at is null then 'idle'
            else 'since ' || strftime('%m-%d %H:%M', sweep_at / 1000, 'unixepoch') || ': '
                 || coalesce(strftime('%m-%d %H:%M', from_at / 1000, 'unixepoch') || ' .. '
                             || strftime('%m-%d %H:%M', to_at / 1000, 'unixepoch') || ' ', '')
                 || 'from row ' || page_offset
       end as sweep,
       strftime('%Y-%m-%d %H:%M:%SZ', finished_at / 1000, 'unixepoch') as last_whole_sweep,
       strftime('%Y-%m-%d %H:%M:%SZ', seen_to / 1000, 'unixepoch') as all_seen_posted_before,
       strftime('%Y-%m-%d %H:%M:%SZ', asked_at / 1000, 'unixepoch') as asked,
       strftime('%Y-%m-%d %H:%M:%SZ', answered_at / 1000, 'unixepoch') as answered,
       failures, rows, foreign_rows
from audit
order by api;

create view audit_calls as
select id,
       strftime('%Y-%m-%d %H:%M:%SZ', asked_at / 1000, 'unixepoch') as asked,
       api, why,
       strftime('%m-%d %H:%M', from_at / 1000, 'unixepoch') || ' .. '
           || strftime('%m-%d %H:%M', to_at / 1000, 'unixepoch') as posted_between,
       page_offset as from_row,
       coalesce(outcome, 'no answer') as outcome,
       code, rows, exact, ready, adopted, foreign_rows,
       round((answered_at - asked_at) / 1000.0, 1) as took_s
from audit_call
order by id desc;

-- Open ones first, then the newest.
create view alerts as
select id, kind, subject, step, count,
       strftime('%Y-%m-%d %H:%M:%SZ', opened_at / 1000, 'unixepoch') as opened,
       coalesce(strftime('%Y-%m-%d %H:%M:%SZ', closed_at / 1000, 'unixepoch'), 'open') as closed,
       strftime('%Y-%m-%d %H:%M:%SZ', nearest_deadline_at / 1000, 'unixepoch') as nearest_deadline,
       detail, command
from alert
order by closed_at is not null, opened_at desc, id desc;

-- What was planned, the newest line first: `batch` and `line` say where it came from, `call_id` how it was sent.
create view intents as
select intent.key, intent.task_id as id, task.function, task.tag, task.state, intent.batch, intent.line,
       intent.call_id,
       strftime('%Y-%m-%d %H:%M:%SZ', task.next_try_at / 1000, 'unixepoch') as next_try,
       task.code || coalesce(' ' || task.message, '') as last_answer
from intent join task on task.id = intent.task_id
order by intent.rowid desc;

create view post_calls as
select id,
       strftime('%Y-%m-%d %H:%M:%SZ', begun_at / 1000, 'unixepoch') as begun,
       function,
       coalesce(outcome, 'no answer') as outcome,
       code, tasks, posted, rejected, why,
       round((ended_at - begun_at) / 1000.0, 1) as took_s
from post_call
order by id desc;

-- Why the newest failed delivery of each task failed; the newest first.
create view failed_deliveries as
select delivery_failure.task_id as id, task.function, task.tag, task.state, delivery_failure.webhook,
       strftime('%Y-%m-%d %H:%M:%SZ', delivery_failure.at / 1000, 'unixepoch') as failed,
       host, coalesce(http_code, 'no answer') as answered,
       round(took_ms / 1000.0, 2) as took_s,
       answer, trim(coalesce(delivery_failure.code, '') || ' ' || coalesce(delivery_failure.message, '')) as remote_says
from delivery_failure join task on task.id = delivery_failure.task_id
order by delivery_failure.at desc, delivery_failure.task_id;
