-- Whoever keeps outstanding tasks in order reads what changed instead of all of them. Moves are in `transition`
-- already, and what hides tasks is in the index `task_blocked`; what is missing is who was given another priority, by a
-- rule, by a person beside the daemon, or by hand. No other write names that column, so none pays for this.

create table reprioritised (
    id      integer primary key,
    task_id text not null
) strict;

create trigger task_reprioritised after update of priority on task
when new.priority <> old.priority and new.state in ('posted', 'ready')
begin
    insert into reprioritised (task_id) values (new.id);
end;

-- Only the queue asked when the next back-off ends; it knows by itself now, and postponing is a write cheaper.
drop index task_waiting;
