-- Objects of 1 KB, a millisecond apart, under ids that a load generator can compute.
INSERT INTO objects (gpt_id, id, collection, body, version, created_at, updated_at)
SELECT 'bench', ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'notes',
    jsonb_build_object('title', 'Note ' || n, 'number', n, 'text', repeat(md5(n::text), 29), 'done', false), 1,
    timestamptz '2026-01-01 00:00:00+00' + n * interval '1 millisecond',
    timestamptz '2026-01-01 00:00:00+00' + n * interval '1 millisecond'
FROM generate_series(1, :objects + 100) AS n;

-- What pgbench inserts into, made by alike.sql: the same rows as well.
INSERT INTO bench_objects SELECT * FROM objects;
VACUUM (ANALYZE) objects;
VACUUM (ANALYZE) bench_objects;
CHECKPOINT;
