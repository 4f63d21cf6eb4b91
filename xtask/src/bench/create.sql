\set number random(1, 1000000000)
INSERT INTO bench_objects (gpt_id, id, collection, body, version, created_at, updated_at)
SELECT 'bench', made.id, 'made', made.body, 1, made.moment, made.moment
FROM (SELECT
    -- A UUID v7, so that both sides fill their indexes in the same order.
    encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing
        substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
        FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid AS id,
    -- The blank in ": false" keeps pgbench from taking it for a variable.
    format('{"title":"Groceries","number":%s,"text":"%s","tags":["home","errands","weekly"],"done": false}',
        :number::bigint, repeat('milk, bread and eggs ', 9))::jsonb AS body,
    clock_timestamp() AS moment) AS made;
